import { type Affinity as Configured, needsHttps } from '../config/affinity.ts'
import { cookieNameFor, formerCookieNameFor } from '../config/instance.ts'
import type { NamedPart, SegmentParameter } from '../runtime/named-part.ts'
import type { Affinity, Balance, HashKey, SessionSource } from '../runtime/snapshot.ts'

const sameSites = { lax: 'Lax', strict: 'Strict', none: 'None' } as const

/** After how long without requests an address no longer counts as a session, if no affinity is configured, in ms. */
const ADDRESS_IDLE = 3_600_000

/**
 * The affinity of a policy that ties addresses to servers. It only counts their sessions: the policy sends them to the
 * same servers anyway.
 */
export function impliedAffinity(balance: Balance): Affinity | undefined {
  return balance.type === 'ip-hash' ? { type: 'ip-hash', idle: ADDRESS_IDLE, onLost: 'move' } : undefined
}

/**
 * The affinity as workers get it: kinds that differ only in how they are configured become one.
 *
 * @param ask the path at which servers are asked about learnt sessions
 */
export function compileAffinity(
  affinity: Exclude<Configured, { type: 'shared-cookie' }>,
  instance: string,
  upstream: string,
  secret: () => string,
  ask?: string,
): Affinity {
  const { idle, onLost } = affinity
  switch (affinity.type) {
    case 'cookie': {
      const standard = cookieNameFor(instance, upstream)
      const { name = standard, secrets = [secret()], sameSite, secure, ...rest } = affinity
      const always = secure === 'auto' && needsHttps(affinity)
      return {
        ...rest,
        name,
        ...(name === standard && { formerName: formerCookieNameFor(upstream) }),
        secrets,
        sameSite: sameSites[sameSite],
        secure: always ? 'always' : secure,
      }
    }
    case 'learn':
      return {
        ...affinity,
        from: affinity.from.map(sourceOf),
        secret: secret(),
        ...(ask !== undefined && { ask }),
      }
    case 'server-id':
      return { ...affinity, from: affinity.from.map(idPlaceOf) }
    case 'header':
      return byHash('header', { from: 'header', name: affinity.name.toLowerCase() })
    case 'query':
      return byHash('query', { from: 'query', name: asBytes(affinity.name) })
    case 'path':
      return byHash('path', { from: 'segment', pattern: affinity.pattern.split('/').slice(1).map(asStep) })
    case 'ip-hash':
    case 'consistent-hash':
      return affinity
  }

  function byHash(writtenAs: 'header' | 'query' | 'path', key: HashKey): Affinity {
    return { type: 'consistent-hash', writtenAs, key, idle, onLost }
  }
}

/** @param written `cookie:NAME`, `header:NAME`, `query:NAME` or `socket.io` */
function sourceOf(written: string): SessionSource {
  return written === 'socket.io' ? { from: written } : partOf(written)
}

/** @param written `path:NAME`, or what `partOf` takes */
function idPlaceOf(written: string): NamedPart | SegmentParameter {
  const path = 'path:'
  return written.startsWith(path)
    ? { from: 'segment-parameter', name: asBytes(written.slice(path.length)) }
    : partOf(written)
}

/** @param written `cookie:NAME`, `header:NAME` or `query:NAME` */
function partOf(written: string): NamedPart {
  const colon = written.indexOf(':')
  const from = written.slice(0, colon) as NamedPart['from']
  const name = written.slice(colon + 1)
  return { from, name: from === 'header' ? name.toLowerCase() : asBytes(name) }
}

function asStep(segment: string): string {
  return segment.startsWith(':') ? ':' : asBytes(segment)
}

/** Text as the data plane reads it from requests: one character for each byte of its UTF-8. */
export function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
