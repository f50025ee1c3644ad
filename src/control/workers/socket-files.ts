import { rmSync } from 'node:fs'

/** The files of the Unix sockets on which this process listens. They go with it, however it ends. */
const files = new Set<string>()

process.once('exit', () => {
  for (const path of files) removeSocketFile(path)
})

export function keepSocketFile(path: string): void {
  files.add(path)
}

/** Another process listens there now, and its file stays. */
export function leaveSocketFile(path: string): void {
  files.delete(path)
}

export function removeSocketFile(path: string): void {
  if (files.delete(path)) rmSync(path, { force: true })
}
