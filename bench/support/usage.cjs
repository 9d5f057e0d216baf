/** Preloaded by ../preprocess.ts and ../startup.ts: at exit, writes CPU time and peak memory of the process, with all threads, to a file. */
const { writeFileSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');

if (isMainThread) {
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    const usage = { cpu: (userCPUTime + systemCPUTime) / 1e6, megabytes: maxRSS / 1024 };
    writeFileSync(process.env.USAGE_FILE, JSON.stringify(usage));
  });
}
