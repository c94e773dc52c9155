// When is the page drawn? Once a frame at most, whatever came in between.

const jobs = new Map();

/** Run a job in the next frame; a later job with the same key takes its place. */
export function inFrame(key, job) {
  if (jobs.size === 0) requestAnimationFrame(run);
  jobs.set(key, job);
}

function run() {
  const due = [...jobs.values()];
  jobs.clear();
  for (const job of due) {
    try {
      job();
    } catch (error) {
      reportError(error); // one part that fails must not keep the others from the page
    }
  }
}
