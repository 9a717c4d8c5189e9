// Must be loaded before Video.js: its sheet is linked, so it need not write <style> elements, which the CSP refuses.
window.VIDEOJS_NO_DYNAMIC_STYLE = true;
