/** Where this browser keeps a person's choices. */
export const PREFERENCES_KEY = 'skep.preferences';

/**
 * Runs before the first paint, inline, so that no page flashes in the wrong theme or speaks the wrong language to a
 * screen reader. Kept as text: the bundle comes too late.
 */
export const BEFORE_PAINT = `(function(){var d=document.documentElement,p={};try{p=JSON.parse(localStorage.getItem('${PREFERENCES_KEY}')||'{}')}catch(e){}
var l=p.theme==='light'||(p.theme!=='dark'&&matchMedia('(prefers-color-scheme: light)').matches);d.dataset.theme=l?'light':'dark';
d.dataset.density=p.density||'compact';var a=[p.locale].concat(navigator.languages||[]),n='en';for(var i=0;i<a.length;i++){var s=(a[i]||'').slice(0,2);if(s==='en'||s==='fr'){n=s;break}}d.lang=n})()`;
