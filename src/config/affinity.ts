import { z } from 'zod'
import { InvalidValue } from './error.ts'
import { Duration, matching, oneOrMore, text, written } from './field.ts'
import { HashKeyText, hashKeys } from './hash-key.ts'
import { NewUserWindow } from './new-user-window.ts'

/** The schema of an upstream's `affinity`: the name of a kind, or a mapping with its settings. */

const shared = {
  idle: Duration.prefault('1h').describe('A session ends after this time without a request. 0: never.'),
  onLost: z
    .enum(['move', 'refuse'])
    .prefault('move')
    .describe('What happens to a session whose server cannot serve it: it moves to another server, or gets 503.'),
}

/** The settings of kinds that give a new user a session with the answer to their first request. */
const ofNewUsers = {
  newUserWindow: z
    .exactOptional(NewUserWindow)
    .describe(
      'For how long after the first request of a new user others from the same address and browser, without a session, go to the same server. on: 2s. Default: off, each goes by balance.',
    ),
}

/** The settings of kinds that remember the server of a session. */
const ofRemembered = {
  onBackup: z
    .exactOptional(z.enum(['stay', 'return']))
    .describe(
      'What happens to a session on a backup once another server may serve: it stays, or it returns to those that are no backups. Default: stay.',
    ),
}

/** RFC 9110 §5.6.2. RFC 6265 uses it for the names of cookies. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const Token = (what: string) => matching(token, `the name of a ${what}`)

/** The minimum length of a secret, in characters. */
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
      'The name of the cookie. The rules for `__Host-` and `__Secure-` apply. Default: limpet- and six hex digits of a hash of instance and upstream.',
    ),
  secrets: z
    .exactOptional(z.array(Secret).min(1, 'at least one secret'))
    .describe(
      'The keys that sign cookies. The first one signs; all of them are accepted. Default: one key, generated at the first start.',
    ),
  maxAge: Duration.prefault('0s').describe('The maximum age of a session. 0: no limit.'),
  path: matching(/^\/[!-:<-~]*$/, 'a path that starts with /')
    .prefault('/')
    .describe("The cookie's Path: browsers send it for this path and the paths below it."),
  domain: z
    .exactOptional(matching(/^[a-z0-9.-]+$/i, 'a domain'))
    .describe(
      "The cookie's Domain: browsers send it to this domain and its subdomains. Default: only the host of the request.",
    ),
  httpOnly: z.boolean().prefault(true).describe('Whether scripts in the page cannot read it (HttpOnly).'),
  sameSite: z
    .enum(['lax', 'strict', 'none'])
    .prefault('lax')
    .describe('Whether browsers send it with requests from other sites (SameSite).'),
  secure: z
    .enum(['auto', 'always', 'never'])
    .prefault('auto')
    .describe(
      'Whether browsers send it only over HTTPS (Secure). auto: if the client used HTTPS, or if another setting requires it.',
    ),
  partitioned: z
    .boolean()
    .prefault(false)
    .describe(
      'Whether browsers keep a separate cookie for each site that embeds this one (CHIPS). Requires sameSite: none.',
    ),
  persistent: z
    .boolean()
    .prefault(false)
    .describe('Whether browsers keep it for maxAge, even when they are closed. Requires maxAge.'),
  ...shared,
  ...ofRemembered,
  ...ofNewUsers,
})

/** The rules of browsers for a cookie's attributes: they drop a cookie that breaks one (RFC 6265bis §4.1.3, §5.6). */
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
    wrong('persistent', 'false without a maxAge', 'add maxAge, the time for which browsers keep the cookie')
})

/** Whether browsers would drop the cookie without Secure. */
export function needsHttps({ name = '', sameSite }: { name?: string; sameSite: string }): boolean {
  return /^__(Host|Secure)-/.test(name) || sameSite === 'none'
}

const SharedCookie = z.strictObject({
  type: z.literal('shared-cookie').describe('By the cookie of another upstream, which has the same servers.'),
  with: z
    .string('the name of an upstream')
    .describe('The upstream whose affinity is cookie. All settings are those of its affinity.'),
})

/** Checks a pattern such as `/rooms/:room`: exactly one segment has a name; `*` matches any segment. */
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
  type: z.literal('learn').describe("By the application's own session id, learnt from its responses."),
  from: oneOrMore(
    matching(/^(?:socket\.io|(?:header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]+|query:[^&=#\s]+)$/, learntPlaces),
    learntPlaces,
  ).describe(`Where the session id is: ${learntPlaces}. In a list, the first one that has an id counts.`),
  adopt: z
    .boolean()
    .prefault(false)
    .describe('Whether an id in a request is learnt if the response accepts it and sets no other id.'),
  ...shared,
  ...ofRemembered,
  ...ofNewUsers,
})

const idPlaces = 'cookie:NAME, header:NAME, query:NAME or path:NAME'

const ServerId = z.strictObject({
  type: z
    .literal('server-id')
    .describe("By the id of a server, which the application puts into its session ids (Tomcat's jvmRoute)."),
  from: oneOrMore(
    matching(/^(?:(?:header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]+|query:[^&=#\s]+|path:[^;=/?#%\s]+)$/, idPlaces),
    idPlaces,
  ).describe(
    `Where the session id is: ${idPlaces}. path: a parameter such as ;jsessionid=… in the path. In a list, the first one that names a server counts.`,
  ),
  position: z
    .enum(['suffix', 'prefix'])
    .prefault('suffix')
    .describe("Whether the server's id is at the end of the session id, as of Tomcat, or at its start."),
  separator: matching(/^[!#$&'()*+.:@^_`|~-]{1,4}$/, "up to four of ! # $ & ' ( ) * + . : @ ^ _ ` | ~ -")
    .prefault('.')
    .describe("What stands between the session id and the server's."),
  ...shared,
  ...ofNewUsers,
})

const kinds = [
  Cookie,
  SharedCookie,
  Learn,
  ServerId,
  z.strictObject({
    type: z.literal('header').describe('By the value of a request header, with a consistent hash.'),
    name: Token('header').describe("The header's name."),
    ...shared,
  }),
  z.strictObject({
    type: z.literal('query').describe('By the value of a query parameter, with a consistent hash.'),
    name: matching(/^[^&=#\s]+$/, 'the name of a parameter').describe("The parameter's name."),
    ...shared,
  }),
  z.strictObject({
    type: z.literal('path').describe('By one segment of the path, with a consistent hash.'),
    pattern: text(parsePattern, 'a path such as /rooms/:room').describe(
      'The start of the path. The segment with a colon is hashed; * matches any segment.',
    ),
    ...shared,
  }),
  z.strictObject({
    type: z.literal('ip-hash').describe("By the client's address, as nginx's ip_hash does."),
    ...shared,
  }),
  z.strictObject({
    type: z.literal('consistent-hash').describe('By any key, with a consistent hash.'),
    key: HashKeyText.describe(`What is hashed: ${hashKeys}.`),
    ...shared,
  }),
] as const

const Settings = z.discriminatedUnion('type', kinds)

type Settings = z.output<typeof Settings>

const examples: Partial<Record<Settings['type'], string>> = {
  'shared-cookie': '{ type: shared-cookie, with: web }',
  learn: '{ type: learn, from: "cookie:JSESSIONID" }',
  'server-id': '{ type: server-id, from: "cookie:JSESSIONID" }',
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
  // zod also calls this for a missing key, and then leaves the key out.
  (settings?: Settings) => settings?.type as Settings['type'],
)

export const Affinity = z.union([Settings, Name], 'the name of an affinity, or its settings')

export type Affinity = z.output<typeof Affinity>
