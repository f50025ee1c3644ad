import { dirname, join } from 'node:path'
import { getSystemErrorMessage } from 'node:util'
import { ConfigError } from '../config/error.ts'
import type { Log } from '../observability/log.ts'
import { LogFile } from '../observability/log-file.ts'
import { type Destination, STANDARD_OUTPUT } from '../observability/outlet.ts'

/**
 * Opens the access log.
 *
 * @param file undefined for standard output
 * @throws ConfigError if the file cannot be opened
 */
export function openAccessLog(file: string | undefined, log: Log): LogFile {
  return attempt(
    file,
    (destination) => new LogFile(destination, 'the access log', (...trouble) => log.warn(...trouble)),
  )
}

/**
 * Has the access log go on in another file.
 *
 * @throws ConfigError if the file cannot be opened, and changes nothing then
 */
export function moveAccessLog(accessLog: LogFile, file: string | undefined): void {
  attempt(file, (destination) => accessLog.move(destination))
}

function attempt<Result>(file: string | undefined, open: (destination: Destination) => Result): Result {
  try {
    return open(file ?? STANDARD_OUTPUT)
  } catch (error) {
    const { code = '', errno } = error as NodeJS.ErrnoException
    if (file === undefined || errno === undefined) throw error
    const problem = `cannot open ${file}: ${getSystemErrorMessage(errno)}`
    throw new ConfigError([{ where: '', path: 'accessLog.file', message: problem, hint: fixFor(code, file) }])
  }
}

function fixFor(code: string, file: string): string {
  switch (code) {
    case 'ENOENT':
      return `make the directory ${dirname(file)}`
    case 'EISDIR':
      return `write the path of a file, such as ${join(file, 'access.log')}`
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'let the user that Limpet runs as write there, or choose another file; without file, it goes to standard output'
    default:
      return 'choose another file; without file, it goes to standard output'
  }
}
