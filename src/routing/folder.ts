import type { Route } from '../runtime/snapshot.ts'
import { hasParameters } from './path-form.ts'

/** The characters that a path may have as they are (RFC 3986 §3.3). */
const PLAIN = /[A-Za-z0-9\-._~!$&'()*+,;=:@/]/
const plain = Array.from({ length: 256 }, (_, byte) => PLAIN.test(String.fromCharCode(byte)))

/**
 * Where a route redirects a request to; undefined if it serves it.
 *
 * @param path in normal form: see `normalisePath`
 */
export function redirectOf(route: Route, path: string): string | undefined {
  if (route.redirect === undefined || !hasParameters(route.path)) return route.redirect
  return `${encoded(path)}/`
}

function encoded(path: string): string {
  let text = ''
  for (let at = 0; at < path.length; at++) {
    const byte = path.charCodeAt(at)
    text += plain[byte] ? path[at] : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}
