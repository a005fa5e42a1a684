/** Begins to fetch the view of the address while the page around it is still on its way. */
const [, view = 'ask'] = /^#\/(ask|documents|search|gallery|workflows|state)\b/.exec(location.hash) ?? [];
// What goes wrong here is told when the page itself asks for the view.
import(`./views/${view}.js`).catch(() => {});
