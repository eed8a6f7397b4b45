// The attacker's service worker. It outlives the moment in which the attacker
// stood at its origin's port.
"use strict";

addEventListener("install", () => skipWaiting());
addEventListener("message", async (e) => {
	const { url, token } = e.data;
	const options = token ? { headers: { Authorization: token } } : {};
	const saw = await fetch(url, options).then(
		async (r) => ({ type: r.type, status: r.status, read: await r.text() }),
		(error) => ({ error: error.name }));
	e.ports[0].postMessage(saw);
});
