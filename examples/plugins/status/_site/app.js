// A status page: what runs (fetch), what happens (EventSource), and what a
// process prints (WebSocket). What comes from processes is only ever put into
// the page as text.
"use strict";

const element = id => document.getElementById(id);
const maxOutput = 100_000; // characters of output that the page keeps

function tell(problem) {
  element("problem").textContent = problem;
}

async function api(method, path) {
  const answer = await fetch(path, { method });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.reason);
  return body;
}

function button(text, action) {
  const b = document.createElement("button");
  b.textContent = text;
  b.addEventListener("click", async () => {
    tell("");
    try {
      await action();
    } catch (problem) {
      tell(problem.message);
    }
  });
  return b;
}

function row(process) {
  const path = "/processes/" + encodeURIComponent(process.name);
  const tr = document.createElement("tr");
  tr.dataset.name = process.name;
  for (const text of [process.name, process.state, `${process.running} of ${process.numprocesses}`]) {
    tr.insertCell().textContent = text;
  }
  tr.cells[1].className = process.state;
  tr.insertCell().append(
    button("start", () => api("POST", path + "/_start")), " ",
    button("stop", () => api("POST", path + "/_stop")), " ",
    button("restart", () => api("POST", path + "/_restart")), " ",
    button("output", () => follow(process.name)));
  return tr;
}

// refresh shows how things are. Of those that are asked for meanwhile, one is
// enough.
let refreshing = null, again = false;
function refresh() {
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = api("GET", "/processes?info=true")
    .then(processes => element("processes").replaceChildren(...processes.map(row)))
    .catch(problem => tell(problem.message))
    .finally(() => {
      refreshing = null;
      if (again) {
        again = false;
        refresh();
      }
    });
}

// follow shows what the first instance of a process prints.
let socket = null;
async function follow(name) {
  const { pids } = await api("GET", `/processes/${encodeURIComponent(name)}/_pids`);
  if (pids.length === 0) throw new Error(name + " does not run");
  socket?.close();
  const url = new URL(`/wstreams/${pids[0]}?readonly=true&gap=true&tail=20`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const mine = socket = new WebSocket(url);
  const output = element("output");
  output.textContent = "";
  element("what").textContent = `Output of ${name}, pid ${pids[0]}`;
  mine.addEventListener("message", async message => {
    const text = typeof message.data === "string" ? message.data : await message.data.text();
    if (mine !== socket) return;
    const atEnd = output.scrollHeight - output.scrollTop - output.clientHeight < 30;
    output.textContent = (output.textContent + text).slice(-maxOutput);
    if (atEnd) output.scrollTop = output.scrollHeight;
  });
  mine.addEventListener("close", end => {
    if (mine === socket) element("what").textContent += ` (${end.reason || "connection lost"})`;
  });
}

const events = new EventSource("/watch?feed=eventsource");
events.addEventListener("open", () => {
  element("connection").textContent = "live";
  refresh();
});
events.addEventListener("error", () => element("connection").textContent = "connecting");
for (const type of ["create", "start", "stop", "restart", "update", "delete", "spawn", "exit", "flap"]) {
  events.addEventListener(type, refresh);
}
