import { z } from 'zod'
import { formatDuration } from './duration.ts'
import { alternatives, InvalidValue } from './error.ts'
import { durationFrom, matching, oneOrMore, percentTo, StatusRange, whole, written } from './field.ts'
import { HeaderFields } from './header-fields.ts'

/** `health` of an upstream: how it finds out which of its servers are well. docs/health.md says what each key does. */

/** No period is shorter than 100 ms: a finer one would be load and not knowledge. */
const Period = durationFrom(100)
const Limit = durationFrom(1)
const Share = percentTo(100)

/** Headers that say how a message ends or what becomes of its connection; these are the check's own. */
const framingFields = ['connection', 'content-length', 'expect', 'transfer-encoding', 'upgrade']

const CheckHeaders = written(
  HeaderFields,
  (headers) => {
    const own = framingFields.find((name) => name in headers)
    if (own !== undefined)
      throw new InvalidValue(`other headers than ${alternatives(framingFields)}`, `leave out ${own}`)
    return headers
  },
  (headers) => headers,
)

const target = /^\/[!"$-~]*$/

/** What both kinds of checks have in common. */
const timing = {
  port: z.exactOptional(whole(1, 65_535)).describe('The port to check. Left out: the one that serves.'),
  interval: Period.prefault('5s').describe('From the start of one check of a server to that of the next.'),
  jitter: percentTo(50).prefault('10%').describe('By how much the interval is longer or shorter each time, at random.'),
  timeout: Limit.prefault('2s').describe('How long a check may take in all.'),
  rise: whole(1, 1000).prefault(2).describe('Checks in a row that a server must pass to be up again.'),
  fall: whole(1, 1000).prefault(3).describe('Checks in a row that a server must fail to be down.'),
  initial: z
    .enum(['up', 'down', 'unknown'])
    .prefault('up')
    .describe('Before its first check, a server is up; or down; or unknown: Limpet waits for that check to listen.'),
}

const HttpCheck = z
  .strictObject({
    type: z.literal('http').describe('A request is answered with a certain status and, if wanted, text.'),
    method: z.enum(['GET', 'HEAD', 'OPTIONS']).prefault('GET').describe('The method of the request.'),
    path: matching(target, 'a path such as /health')
      .prefault('/')
      .describe('Its path, with the query if there is one.'),
    headers: CheckHeaders.prefault({}).describe("Its headers. Host is the server's address unless it stands here."),
    status: oneOrMore(StatusRange, 'a status such as 200 or 200-299')
      .prefault('200-399')
      .describe('The statuses that pass: 204, 200-299, 2xx, or a list of these.'),
    body: z
      .exactOptional(z.string().min(1, 'at least one character'))
      .describe("Text that must be in the first 64 KiB of the answer's body. Left out: the body is not read."),
    ...timing,
  })
  .check(({ value: { method, body }, issues }) => {
    if (body === undefined || method !== 'HEAD') return
    const params = { hint: 'write method: GET, or leave out body' }
    issues.push({
      code: 'custom',
      message: 'a method whose answer has a body',
      path: ['method'],
      input: method,
      params,
    })
  })

const TcpCheck = z.strictObject({ type: z.literal('tcp').describe('A connection opens.'), ...timing })

const CheckSettings = z.discriminatedUnion('type', [HttpCheck, TcpCheck])

const CheckByName = z.codec(
  matching(/^(?:http|tcp|\/[!"$-~]*)$/, 'http, tcp, or a path such as /health'),
  z.custom<z.output<typeof CheckSettings>>(),
  {
    decode: (name) =>
      name === 'tcp' ? z.decode(TcpCheck, { type: name }) : z.decode(HttpCheck, { type: 'http', ...pathOf(name) }),
    // Settings are written as settings; all that comes here is a check that is left out.
    encode: (check) => check?.type,
  },
)

function pathOf(name: string): { path?: string } {
  return name === 'http' ? {} : { path: name }
}

const Outlier = z
  .strictObject({
    consecutive5xx: whole(0, 65_535)
      .prefault(5)
      .describe('Answers of 5xx, or failures, in a row that get a server ejected. 0: never.'),
    errorRate: Share.prefault('20%').describe(
      'How many percent more of its answers may be errors than of those of the other servers, within interval. 0%: not compared.',
    ),
    minRequests: whole(1, 1_000_000)
      .prefault(50)
      .describe('Answers within interval, of a server and of the others, below which errorRate means nothing.'),
    interval: Period.prefault('10s').describe('How often error rates are compared.'),
    ejectFor: Period.prefault('30s').describe(
      'How long a server is ejected; the second time twice as long, and so on.',
    ),
    maxEjectFor: Period.prefault('5m').describe('The longest time for which one is ejected.'),
    maxEjected: Share.prefault('50%').describe('The share of the servers that may be ejected at once.'),
  })
  .check(({ value: { ejectFor, maxEjectFor }, issues }) => {
    if (maxEjectFor >= ejectFor) return
    const message = `a duration of at least ejectFor (${formatDuration(ejectFor)})`
    issues.push({ code: 'custom', message, path: ['maxEjectFor'], input: formatDuration(maxEjectFor) })
  })

export const Health = z.strictObject({
  check: z
    .exactOptional(z.union([CheckSettings, CheckByName], 'http, tcp, a path such as /health, or settings'))
    .describe('Active checks: http, tcp, a path to ask for, or settings. Left out: none.'),
  outlier: z
    .exactOptional(Outlier)
    .describe('Ejects servers by how they answer. {}: with the defaults. Left out: none.'),
  panicThreshold: Share.prefault('0%').describe(
    'When less than this share of the servers is well, health counts no more, and all are used. 0%: never.',
  ),
})
