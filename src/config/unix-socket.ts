import { posix } from 'node:path'
import { InvalidValue } from './error.ts'

const SCHEME = 'unix:'
const aSocket = 'unix: and the path of a socket, such as unix:/run/app.sock'

/** The size of the kernel's `sun_path` without its final NUL. */
const MAX_BYTES = 107

/** Whether the text is meant as a Unix socket, valid or not. `unix:80` is a host named unix. */
export function isUnixSocket(text: string): boolean {
  return /^unix:(?!\d+$)/i.test(text)
}

/**
 * Reads nginx's `unix:/run/app.sock`, and returns the path. Throws InvalidValue, also for a path with `.`, `..` or `//`, so
 * that each socket has one name.
 */
export function parseUnixSocket(text: string): string {
  const path = text.slice(SCHEME.length)
  if (path.startsWith('@'))
    throw new InvalidValue(aSocket, 'abstract sockets are not supported; use a socket with a path')
  if (!path.startsWith('/')) throw new InvalidValue(aSocket, path === '' ? undefined : 'write an absolute path')
  const [socket, ...rest] = path.split(':')
  if (rest.length > 0) throw new InvalidValue(aSocket, `a Unix socket has no port: write ${SCHEME}${socket}`)
  if (!/^[\w./@+-]+$/.test(path)) throw new InvalidValue('a path of letters, digits and . _ - / @ +')
  if (path.endsWith('/')) throw new InvalidValue('the path of a socket, not of a directory')
  const normal = posix.normalize(path)
  if (normal !== path) throw new InvalidValue('a normalised path', `write ${SCHEME}${normal}`)
  if (path.length > MAX_BYTES) throw new InvalidValue(`a path of at most ${MAX_BYTES} bytes`)
  return path
}

/** Writes the socket as in the file and in logs. */
export function formatUnixSocket(path: string): string {
  return SCHEME + path
}
