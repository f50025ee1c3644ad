import { z } from 'zod'
import { InvalidValue } from './error.ts'
import { Duration, matching, oneOrMore, text, written } from './field.ts'
import { HashKeyText } from './hash-key.ts'

/** How an upstream's `affinity` is written: a kind by its name, or its settings. */

const shared = {
  idle: Duration.prefault('1h').describe('After how long without a request a session is over. 0: never.'),
  onLost: z
    .enum(['move', 'refuse'])
    .prefault('move')
    .describe('What happens to a session whose server may not serve it: it moves to another, or is answered 503.'),
}

/** RFC 9110 §5.6.2, which is what RFC 6265 makes a cookie's name of. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const Token = (what: string) => matching(token, `the name of a ${what}`)

/** In characters. */
export const shortestSecret = 16
const Secret = z.string().check(({ value, issues }) => {
  if (value.length >= shortestSecret) return
  issues.push({ code: 'custom', message: `a secret of at least ${shortestSecret} characters`, input: value })
})

const CookieFields = z.strictObject({
  type: z.literal('cookie').describe('By a cookie that Limpet issues.'),
  name: z
    .exactOptional(Token('cookie'))
    .describe(
      "The cookie's name. `__Host-` and `__Secure-` count. Default: limpet- and six digits of the instance and the upstream.",
    ),
  secrets: z
    .exactOptional(z.array(Secret).min(1, 'at least one secret'))
    .describe(
      'What cookies are signed with: by the first, and any of them is accepted. Default: one made at first start.',
    ),
  maxAge: Duration.prefault('0s').describe('How old a session may become. 0: any age.'),
  path: matching(/^\/[!-:<-~]*$/, 'a path that starts with /')
    .prefault('/')
    .describe('For which paths it is sent.'),
  domain: z
    .exactOptional(matching(/^[a-z0-9.-]+$/i, 'a domain'))
    .describe('For which domain it is sent, hosts below it included. Left out: the host that was asked, alone.'),
  httpOnly: z.boolean().prefault(true).describe('Whether it is kept from scripts.'),
  sameSite: z
    .enum(['lax', 'strict', 'none'])
    .prefault('lax')
    .describe('Whether it is sent with requests that other sites cause.'),
  secure: z
    .enum(['auto', 'always', 'never'])
    .prefault('auto')
    .describe('Whether it is sent by HTTPS only. auto: where the client came by HTTPS, or the other settings need it.'),
  partitioned: z
    .boolean()
    .prefault(false)
    .describe('Whether browsers keep one for each site that embeds this one (CHIPS). Needs sameSite: none.'),
  persistent: z
    .boolean()
    .prefault(false)
    .describe('Whether browsers keep it for maxAge, which it needs, and not only until they are closed.'),
  ...shared,
})

/** What browsers hold a cookie's settings to; they drop one that breaks these rules (RFC 6265bis §4.1.3, §5.6). */
const Cookie = CookieFields.check(({ value, issues }) => {
  const wrong = (key: keyof typeof value, expected: string, hint: string) =>
    issues.push({ code: 'custom', message: expected, params: { hint }, path: [key], input: value[key] })
  const { name = '', path, domain, secure, sameSite, partitioned, persistent, maxAge } = value
  if (name.startsWith('__Host-') && path !== '/') wrong('path', '/ for a __Host- cookie', 'leave path out')
  if (name.startsWith('__Host-') && domain !== undefined)
    wrong('domain', 'no domain for a __Host- cookie', 'leave domain out')
  if (secure === 'never' && needsHttps(value))
    wrong('secure', 'auto or always for a __Host- or __Secure- cookie, and with sameSite: none', 'leave secure out')
  if (partitioned && sameSite !== 'none')
    wrong('partitioned', 'false without sameSite: none', 'add sameSite: none, or leave partitioned out')
  if (persistent && maxAge === 0)
    wrong('persistent', 'false without a maxAge', 'add maxAge, which is how long browsers then keep the cookie')
})

/** Whether browsers would drop the cookie without Secure. */
export function needsHttps({ name = '', sameSite }: { name?: string; sameSite: string }): boolean {
  return /^__(Host|Secure)-/.test(name) || sameSite === 'none'
}

/** `/rooms/:room`: names one segment; `*` is any. */
function parsePattern(pattern: string): string {
  const segments = pattern.split('/').slice(1)
  const named = segments.filter((segment) => segment.startsWith(':'))
  if (!pattern.startsWith('/') || segments.includes('')) throw new InvalidValue('a path such as /rooms/:room')
  if (named.length !== 1)
    throw new InvalidValue('a path with one segment that starts with a colon', 'such as /rooms/:room')
  return pattern
}

const learntPlaces = 'cookie:NAME, header:NAME, query:NAME or socket.io'

const Learn = z.strictObject({
  type: z.literal('learn').describe("By the application's own session, seen in its answers."),
  from: oneOrMore(
    matching(/^(?:socket\.io|(?:header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]+|query:[^&=#\s]+)$/, learntPlaces),
    learntPlaces,
  ).describe(`Where it stands, the first place that has it counts: ${learntPlaces}.`),
  adopt: z
    .boolean()
    .prefault(false)
    .describe('Whether an id that a request shows is learnt where the answer accepts it and sets no other.'),
  ...shared,
})

const kinds = [
  Cookie,
  Learn,
  z.strictObject({
    type: z.literal('header').describe('By the value of a request header, on a ring of servers (consistent hash).'),
    name: Token('header').describe("The header's name."),
    ...shared,
  }),
  z.strictObject({
    type: z.literal('query').describe('By the value of a parameter in the query, on a ring of servers.'),
    name: matching(/^[^&=#\s]+$/, 'the name of a parameter').describe("The parameter's name."),
    ...shared,
  }),
  z.strictObject({
    type: z.literal('path').describe('By one segment of the path, on a ring of servers.'),
    pattern: text(parsePattern, 'a path such as /rooms/:room').describe(
      'What the path starts with; the segment with the colon counts, * is any.',
    ),
    ...shared,
  }),
  z.strictObject({ type: z.literal('ip-hash').describe("By the client's address, as nginx's ip_hash."), ...shared }),
  z.strictObject({
    type: z.literal('consistent-hash').describe('By any key, on a ring of servers.'),
    key: HashKeyText.describe('What is hashed: address, uri, path, header:NAME, cookie:NAME or query:NAME.'),
    ...shared,
  }),
] as const

const Settings = z.discriminatedUnion('type', kinds)

type Settings = z.output<typeof Settings>

const examples: Partial<Record<Settings['type'], string>> = {
  learn: '{ type: learn, from: "cookie:JSESSIONID" }',
  header: '{ type: header, name: X-User }',
  query: '{ type: query, name: user }',
  path: '{ type: path, pattern: /rooms/:room }',
}

const Name = written(
  z.enum(kinds.map((kind) => kind.shape.type.value)),
  (type: Settings['type']): Settings => {
    const example = examples[type]
    if (example !== undefined) throw new InvalidValue(`a mapping for ${type}`, `such as ${example}`)
    return z.decode(Settings, { type } as z.input<typeof Settings>)
  },
  // zod encodes a key that is left out too, and then leaves it out.
  (settings?: Settings) => settings?.type as Settings['type'],
)

export const Affinity = z.union([Settings, Name], 'the name of an affinity, or its settings')

export type Affinity = z.output<typeof Affinity>
