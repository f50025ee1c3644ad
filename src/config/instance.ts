import { createHash } from 'node:crypto'
import { matching } from './field.ts'
import type { Config } from './schema.ts'

export const Instance = matching(/^\w[\w.-]{0,63}$/, 'a name of at most 64 letters, digits and . _ -')

/**
 * What tells this Limpet from others that the same clients or the same machine may have: what the operator calls it, else its
 * ports, and the paths of its sockets. Replicas have it in common.
 */
export function instanceOf({ instance, listeners }: Pick<Config, 'instance' | 'listeners'>): string {
  if (instance !== undefined) return instance
  const ports = new Set(listeners.flatMap((listener) => ('port' in listener ? listener.port : [])))
  const sockets = new Set(listeners.flatMap((listener) => ('path' in listener ? listener.path : [])))
  const places = [...[...ports].sort((one, other) => one - other), ...[...sockets].sort()]
  return places.join('-').replaceAll('/', '.')
}

/** The default name of an upstream's cookie. It tells nobody of the inside. */
export function cookieNameFor(instance: string, upstream: string): string {
  return nameFrom(`${instance}\0${upstream}`)
}

/** What the default name was before there were instances. Such cookies are read for one release, up to 0.2. */
export function formerCookieNameFor(upstream: string): string {
  return nameFrom(upstream)
}

function nameFrom(text: string): string {
  return `limpet-${createHash('sha256').update(text).digest('hex').slice(0, 6)}`
}

/**
 * Gives cookies that the operator has not named their default names.
 *
 * @param before what the Config was when they were given them last, where it has changed since
 */
export function withCookieNames(config: Config, before: Config = config): Config {
  const former = instanceOf(before)
  const instance = instanceOf(config)
  const upstreams = config.upstreams.map((upstream) => {
    const { name, affinity } = upstream
    if (affinity?.type !== 'cookie') return upstream
    const isNamed = affinity.name !== undefined && affinity.name !== cookieNameFor(former, name)
    return isNamed ? upstream : { ...upstream, affinity: { ...affinity, name: cookieNameFor(instance, name) } }
  })
  return { ...config, upstreams }
}
