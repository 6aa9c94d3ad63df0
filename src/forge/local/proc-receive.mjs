#!/usr/bin/env node
// Git's proc-receive hook: hands the commands of a push to the server over a Unix socket and its answers back to git.
// It decides nothing. Node's own modules only, so that it starts fast.
import { connect } from "node:net";

const socketPath = process.env.FAIRLEAD_PUSH_SOCKET ?? "";
const secret = process.env.FAIRLEAD_PUSH_SECRET ?? "";

let buffer = Buffer.alloc(0);
const waiting = [];
process.stdin.on("data", (chunk) => {
  buffer = Buffer.concat([buffer, chunk]);
  give();
});

function give() {
  while (waiting.length > 0 && buffer.length >= 4) {
    const length = Number.parseInt(buffer.subarray(0, 4).toString("latin1"), 16);
    const size = Math.max(length, 4);
    if (buffer.length < size) return;
    const packet = length < 4 ? undefined : buffer.subarray(4, size);
    buffer = buffer.subarray(size);
    waiting.shift()(packet);
  }
}

/** The next packet; `undefined` for a flush. */
function read() {
  return new Promise((resolve) => {
    waiting.push(resolve);
    give();
  });
}

function write(text) {
  const bytes = Buffer.from(text);
  process.stdout.write(`${(bytes.length + 4).toString(16).padStart(4, "0")}`);
  process.stdout.write(bytes);
}

function flush() {
  process.stdout.write("0000");
}

async function readAll() {
  const packets = [];
  for (let packet = await read(); packet !== undefined; packet = await read())
    packets.push(packet.toString("utf8").replace(/\n$/, ""));
  return packets;
}

function ask(request) {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let answer = "";
    socket.setEncoding("utf8");
    socket.on("connect", () => socket.end(`${JSON.stringify(request)}\n`));
    socket.on("data", (text) => {
      answer += text;
    });
    socket.on("end", () => resolve(JSON.parse(answer)));
    socket.on("error", reject);
  });
}

const [version = ""] = await readAll();
const offered = version.split("\0")[1]?.split(" ") ?? [];
const options = offered.includes("push-options");
write(`version=1${options ? "\0push-options" : ""}\n`);
flush();

const commands = (await readAll()).map((line) => {
  const [before, after, ...ref] = line.split(" ");
  return { before, after, ref: ref.join(" ") };
});
const pushOptions = options ? await readAll() : [];

try {
  const answers = await ask({ secret, commands, options: pushOptions });
  for (const answer of answers) {
    for (const line of answer.lines) process.stderr.write(`${line}\n`);
    if (answer.accepted) {
      write(`ok ${answer.ref}\n`);
      if (answer.movedRef !== undefined) write(`option refname ${answer.movedRef}\n`);
    } else write(`ng ${answer.ref} ${answer.reason}\n`);
  }
} catch {
  for (const { ref } of commands) write(`ng ${ref} the server cannot be asked\n`);
}
flush();
process.stdin.pause();
