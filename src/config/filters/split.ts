import { z } from 'zod'
import type { SplitKey } from '../../runtime/filter-settings.ts'
import { matching, oneOrMore, written } from '../field.ts'
import { formatShare, Share } from '../share.ts'

const name = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const keys = new RegExp(`^(?:client\\.address|user|(?:header|cookie|query|claim):${name})$`)
const aKey = 'client.address, user, header:NAME, cookie:NAME, query:NAME or claim:NAME'
const places = new RegExp(`^(?:header|cookie|query):${name}$`)
const aPlace = 'header:NAME, cookie:NAME or query:NAME'

function parseKey(text: string): SplitKey {
  const colon = text.indexOf(':')
  if (colon < 0) return { from: text as 'client.address' | 'user' }
  const from = text.slice(0, colon) as 'header' | 'cookie' | 'query' | 'claim'
  const name = text.slice(colon + 1)
  return { from, name: from === 'header' ? name.toLowerCase() : name }
}

function formatKey(key: SplitKey): string {
  return 'name' in key ? `${key.from}:${key.name}` : key.from
}

const Key = written(matching(keys, aKey), parseKey, formatKey)

/** Where a request may name its upstream. */
type Place = Extract<SplitKey, { from: 'header' | 'cookie' | 'query' }>

const Place = written(
  matching(places, aPlace),
  (text) => parseKey(text) as Place,
  (place: Place) => formatKey(place),
)

export const SplitFilter = z
  .strictObject({
    to: z
      .record(z.string(), Share, 'upstreams with their shares, such as { green: 25% }')
      .check(({ value, issues }) => {
        const sum = Object.values(value).reduce((total, share) => total + share, 0)
        if (Object.keys(value).length === 0)
          issues.push({ code: 'custom', message: 'at least one upstream', input: value })
        if (sum <= 10_000) return
        const params = { hint: `they are ${formatShare(sum)} together` }
        issues.push({ code: 'custom', message: 'shares of at most 100% together', params, input: value })
      })
      .describe("Upstreams and their shares, down to 0.01%. Everybody else goes to the route's own upstream."),
    by: z
      .union([z.enum(['cookie', 'request']), Key], `cookie, request, ${aKey}`)
      .prefault('cookie')
      .describe(
        `What is divided: users, by a cookie of Limpet's own (cookie); each request for itself (request); or whatever has the same ${aKey}.`,
      ),
    override: z
      .exactOptional(oneOrMore(Place, aPlace))
      .describe(
        `Where a request may name one of these upstreams, or the route's own, to go there: ${aPlace}, or a list.`,
      ),
    only: z
      .enum(['all', 'new'])
      .prefault('all')
      .describe("new: users who have a session on the route's own upstream stay there as long as it lasts."),
  })
  .describe('Sends a share of the users, or of the requests, to other upstreams.')
