import { statSync } from 'node:fs'

/** How often the file is looked at, in ms. */
const LOOK_EVERY = 1000

/**
 * Calls back whenever the file is another one than at the last look, and at the first look, since it may have changed
 * after it was read. The path is looked up each time, so that a link may be replaced; while there is no file, nothing
 * happens. Does not keep the process alive.
 */
export function watchFile(path: string, changed: () => void): void {
  let known: string | undefined
  setInterval(() => {
    const stat = statSync(path, { throwIfNoEntry: false })
    const seen = stat && `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeMs}`
    if (seen === undefined || seen === known) return
    known = seen
    changed()
  }, LOOK_EVERY).unref()
}
