import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.StringJoiner;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.LowerCaseFilter;
import org.apache.lucene.analysis.ngram.NGramTokenizer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.StoredField;
import org.apache.lucene.document.TextField;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.store.ByteBuffersDirectory;
import org.apache.lucene.util.QueryBuilder;

/**
 * Ranks with Lucene as it comes (BM25, any of the words), so that only the analyzer differs from run to run.
 *
 * Arguments: the analyzer's class; a file of documents and one of queries, each line an id, a tab and a text. Prints for
 * each query its id, a tab and the ids of the first ten, with blanks between.
 */
public final class Peers {
    private static final int DEPTH = 10;

    /** Every two neighbouring characters, whatever they are. */
    public static final class Bigrams extends Analyzer {
        @Override
        protected TokenStreamComponents createComponents(String field) {
            var pairs = new NGramTokenizer(2, 2);
            return new TokenStreamComponents(pairs, new LowerCaseFilter(pairs));
        }
    }

    public static void main(String[] arguments) throws Exception {
        var analyzer = (Analyzer) Class.forName(arguments[0]).getDeclaredConstructor().newInstance();
        var folder = new ByteBuffersDirectory();
        try (var writer = new IndexWriter(folder, new IndexWriterConfig(analyzer))) {
            for (String line : Files.readAllLines(Path.of(arguments[1]))) {
                var parts = line.split("\t", 2);
                var document = new Document();
                document.add(new StoredField("id", parts[0]));
                document.add(new TextField("text", parts[1], Field.Store.NO));
                writer.addDocument(document);
            }
        }
        var out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        try (var reader = DirectoryReader.open(folder)) {
            var searcher = new IndexSearcher(reader);
            var queries = new QueryBuilder(analyzer);
            for (String line : Files.readAllLines(Path.of(arguments[2]))) {
                var parts = line.split("\t", 2);
                out.println(parts[0] + "\t" + found(searcher, queries.createBooleanQuery("text", parts[1])));
            }
        }
        out.flush();
    }

    private static String found(IndexSearcher searcher, Query query) throws IOException {
        var ids = new StringJoiner(" ");
        if (query != null) {
            var stored = searcher.storedFields();
            for (ScoreDoc hit : searcher.search(query, DEPTH).scoreDocs) {
                ids.add(stored.document(hit.doc).get("id"));
            }
        }
        return ids.toString();
    }
}
