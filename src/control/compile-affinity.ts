import { type Affinity as Configured, needsHttps } from '../config/affinity.ts'
import { cookieNameFor, formerCookieNameFor } from '../config/instance.ts'
import type { Affinity, Balance, HashKey, SessionSource } from '../runtime/snapshot.ts'

const sameSites = { lax: 'Lax', strict: 'Strict', none: 'None' } as const

/** After how long an address without requests is no session any more, where nobody set an affinity, in ms. */
const ADDRESS_IDLE = 3_600_000

/**
 * What addresses are to a policy that ties them to servers: sessions, which go where the policy says anyway, and are
 * counted.
 */
export function impliedAffinity(balance: Balance): Affinity | undefined {
  return balance.type === 'ip-hash' ? { type: 'ip-hash', idle: ADDRESS_IDLE, onLost: 'move' } : undefined
}

/** What workers are told of an affinity: kinds that differ only in how they are written have become one. */
export function compileAffinity(
  affinity: Configured,
  instance: string,
  upstream: string,
  secret: () => string,
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
      return { ...affinity, from: affinity.from.map(sourceOf), secret: secret() }
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
  if (written === 'socket.io') return { from: written }
  const colon = written.indexOf(':')
  const from = written.slice(0, colon) as 'cookie' | 'header' | 'query'
  const name = written.slice(colon + 1)
  return { from, name: from === 'header' ? name.toLowerCase() : asBytes(name) }
}

function asStep(segment: string): string {
  return segment.startsWith(':') ? ':' : asBytes(segment)
}

/** The data plane reads a request as bytes, one character each; beyond ASCII a text is its UTF-8. */
export function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
