// Azure Blob Storage for the tests: Azurite, on a port of its own choice, in memory. Keys and signatures are checked.
// It ends when its standard input does: when the tests end, however they end.
"use strict";

process.stdin.on("end", () => process.exit(0)).resume();
process.argv.push("--blobPort", "0", "--inMemoryPersistence", "--silent", "--disableTelemetry", "--disableProductStyleUrl");
// Found where it was installed, not beside this file.
require(require.resolve("azurite/dist/src/blob/main.js", { paths: [process.cwd()] }));
