#!/bin/sh
# Starts examples/express with the built command, waits until it is ready and shows what it answers.
set -eu
cd "$(dirname "$0")/.."
pandora=bin/pandora

if ! "$pandora" start examples/express; then
  echo "the example did not start; PORT=<n> make run takes another port" >&2
  exit 1
fi

field() { # field EXPRESSION: reads JSON on stdin and prints one value
  node -e 'let text=""; process.stdin.on("data", (d) => { text += d; }).on("end", () => { console.log(eval("(v) => v" + process.argv[1])(JSON.parse(text))); })' "$1"
}
actuator=$("$pandora" daemon status --json | field '.actuator')
port=$("$pandora" list --json | field '.applications.find((a) => a.appName === "express-example").sockets[0].port')

echo
echo "application  http://127.0.0.1:$port/"
node -e 'fetch(process.argv[1]).then((r) => r.text()).then(console.log)' "http://127.0.0.1:$port/"
echo
echo "health       http://$actuator/health"
node -e 'fetch(process.argv[1]).then((r) => r.text()).then(console.log)' "http://$actuator/health"
echo
echo "metrics      http://$actuator/metrics"
node -e 'fetch(process.argv[1]).then((r) => r.text()).then((t) => { const lines = t.split("\n"); console.log(lines.slice(0, 12).join("\n")); console.log("… " + (lines.length - 13) + " more lines"); })' "http://$actuator/metrics"
echo
"$pandora" list
echo "stop it with  bin/pandora stop express-example   (or: make stop)"
