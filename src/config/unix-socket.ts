import { posix } from 'node:path'
import { InvalidValue } from './error.ts'

const SCHEME = 'unix:'
const aSocket = 'unix: and the path of a socket, such as unix:/run/app.sock'

/** What the system has room for (sun_path, without its final NUL). */
const MAX_BYTES = 107

/** Whether the text names a Unix socket, rightly or wrongly. A host may be called unix, too: `unix:80`. */
export function isUnixSocket(text: string): boolean {
  return /^unix:(?!\d+$)/i.test(text)
}

/**
 * Reads nginx's `unix:/run/app.sock`, and returns the path. Throws InvalidValue, for a path that is written with `.`, `..`
 * or `//` too, so that one socket has one name.
 */
export function parseUnixSocket(text: string): string {
  const path = text.slice(SCHEME.length)
  if (path.startsWith('@')) throw new InvalidValue(aSocket, 'an abstract socket cannot be used; give it a path')
  if (!path.startsWith('/')) throw new InvalidValue(aSocket, path === '' ? undefined : 'write the path from the root')
  const [socket, ...rest] = path.split(':')
  if (rest.length > 0) throw new InvalidValue(aSocket, `a Unix socket has no port: write ${SCHEME}${socket}`)
  if (!/^[\w./@+-]+$/.test(path)) throw new InvalidValue('a path of letters, digits and . _ - / @ +')
  if (path.endsWith('/')) throw new InvalidValue('the path of a socket, not of a directory')
  const normal = posix.normalize(path)
  if (normal !== path) throw new InvalidValue('a normalised path', `write ${SCHEME}${normal}`)
  if (path.length > MAX_BYTES) throw new InvalidValue(`a path of at most ${MAX_BYTES} bytes`)
  return path
}

/** The socket as it stands in the file and in logs. */
export function formatUnixSocket(path: string): string {
  return SCHEME + path
}
