// What the upload desk says. Chinese unless the page is in English; refusals come from the server in the same language.
const ZH = {
  drop: "把文件或文件夹拖到这里",
  files: "选择文件",
  folder: "选择文件夹",
  list: "正在上传的文件",
  pauseAll: "全部暂停",
  resumeAll: "全部继续",
  pause: "暂停",
  resume: "继续",
  retry: "再试一次",
  remove: "移除",
  forget: "不再继续",
  open: "查看资源",
  waiting: "等待上传",
  sending: "正在上传",
  paused: "已暂停",
  stored: "已收到",
  failed: "没有传完",
  refused: "未收取",
  offline: "网络断开了，已传的部分都在，联网后会接着传。",
  lost: "没有传完，已传的部分都在。请再试一次。",
  unfinished: "上次没有传完的文件",
  again: "再选一次同一个文件，就从停下的地方接着传。",
  more: (n) => `还有 ${n} 个文件在排队`,
  done: (done, all) => `${all} 个文件，已收到 ${done} 个`,
  of: (sent, size) => `${sent} / ${size}`,
  name: (action, file) => `${action}：${file}`,
};

const EN = {
  drop: "Drop files or folders here",
  files: "Choose files",
  folder: "Choose a folder",
  list: "Files being uploaded",
  pauseAll: "Pause all",
  resumeAll: "Go on with all",
  pause: "Pause",
  resume: "Go on",
  retry: "Try again",
  remove: "Remove",
  forget: "Give it up",
  open: "Open the resource",
  waiting: "Waiting",
  sending: "Uploading",
  paused: "Paused",
  stored: "Received",
  failed: "Not finished",
  refused: "Not taken",
  offline: "The network is away. What was sent is kept, and the upload goes on by itself when it is back.",
  lost: "Not finished; what was sent is kept. Please try again.",
  unfinished: "Not finished last time",
  again: "Choose the same file again and it goes on where it stopped.",
  more: (n) => `${n} more files are waiting`,
  done: (done, all) => `${done} of ${all} files received`,
  of: (sent, size) => `${sent} of ${size}`,
  name: (action, file) => `${action}: ${file}`,
};

export function words(language) {
  return language.startsWith("en") ? EN : ZH;
}

// Bytes as people read them.
export function size(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** step;
  return `${step && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[step]}`;
}
