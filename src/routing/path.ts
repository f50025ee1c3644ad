/**
 * The normal form of a request's path, by which routes are matched (nginx's ngx_http_parse_complex_uri): percent-encoded
 * bytes decoded, an encoded slash or dot like a plain one, doubled slashes merged, dot segments resolved.
 *
 * @param path begins with a slash; one character a byte
 * @returns undefined where there is none: a broken or NUL escape, or a path that climbs above its root
 */
export function normalisePath(path: string): string | undefined {
  const decoded = decodeOnce(path)
  if (decoded === undefined) return undefined
  const kept: string[] = []
  const segments = decoded.split('/').slice(1)
  const last = segments.length - 1
  for (const [index, segment] of segments.entries()) {
    const dots = segment === '.' || segment === '..'
    if (segment === '..' && kept.pop() === undefined) return undefined
    if (!dots && segment !== '') kept.push(segment)
    // What ends in a slash or a dot segment names a folder.
    if (index === last && (dots || segment === '')) kept.push('')
  }
  return `/${kept.join('/')}`
}

function decodeOnce(path: string): string | undefined {
  if (!path.includes('%')) return path
  let broken = false
  const decoded = path.replace(/%(.{0,2})/gs, (_, digits: string) => {
    const byte = /^[0-9A-Fa-f]{2}$/.test(digits) ? Number.parseInt(digits, 16) : 0
    if (byte === 0) broken = true
    return String.fromCharCode(byte)
  })
  return broken ? undefined : decoded
}
