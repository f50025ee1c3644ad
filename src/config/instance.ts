import { createHash } from 'node:crypto'
import type { ListeningPlace } from '../runtime/snapshot.ts'
import { matching } from './field.ts'

export const Instance = matching(/^\w[\w.-]{0,63}$/, 'a name of at most 64 letters, digits and . _ -')

/** The parts of a Config that determine the name of the instance. */
interface Named {
  readonly instance?: string | undefined
  readonly listeners: readonly ListeningPlace[]
}

/**
 * The name of the instance. It distinguishes this Limpet from others with the same clients or on the same machine: the name
 * set by the operator, else its ports and the paths of its sockets. Replicas share it.
 */
export function instanceOf({ instance, listeners }: Named): string {
  if (instance !== undefined) return instance
  const ports = new Set(listeners.flatMap((listener) => ('port' in listener ? listener.port : [])))
  const sockets = new Set(listeners.flatMap((listener) => ('path' in listener ? listener.path : [])))
  const places = [...[...ports].sort((one, other) => one - other), ...[...sockets].sort()]
  return places.join('-').replaceAll('/', '.')
}

/** The default name of an upstream's cookie. A hash, so that it reveals no internal names. */
export function cookieNameFor(instance: string, upstream: string): string {
  return nameFrom(`${instance}\0${upstream}`)
}

/** The name of the cookie that holds the points of users where an upstream is split. */
export function splitCookieFor(instance: string, upstream: string): string {
  return nameFrom(`${instance}\0${upstream}\0split`)
}

/** The default name before instances were introduced. Such cookies are read for one release, up to 0.2. */
export function formerCookieNameFor(upstream: string): string {
  return nameFrom(upstream)
}

function nameFrom(text: string): string {
  return `limpet-${createHash('sha256').update(text).digest('hex').slice(0, 6)}`
}
