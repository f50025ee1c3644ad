import { z } from 'zod'
import { formatDuration } from './duration.ts'
import { durationFrom, matching, oneOrMore, percentTo, StatusRange, whole } from './field.ts'
import { framingFields, headersWithout } from './header-fields.ts'

/** The schema of an upstream's `health`: active checks, outlier ejection, panic threshold. See docs/health.md. */

/** At least 100 ms: a shorter period adds load but no information. */
const Period = durationFrom(100)
const Limit = durationFrom(1)
const Share = percentTo(100)

const CheckHeaders = headersWithout(framingFields)

/** A path with an optional query. */
export const requestTarget = /^\/[!"$-~]*$/

/** The settings that all kinds of checks have. */
const settings = {
  tls: z
    .exactOptional(z.boolean())
    .describe("Whether the check is by TLS, with the upstream's tls settings. Default: as requests are."),

  port: z.exactOptional(whole(1, 65_535)).describe("The port to check. Default: the server's port."),
  interval: Period.prefault('5s').describe(
    'The time from the start of one check of a server to the start of the next.',
  ),
  jitter: percentTo(50).prefault('10%').describe('How much each interval is randomly made longer or shorter.'),
  timeout: Limit.prefault('2s').describe('The maximum time for a whole check.'),
  rise: whole(1, 1000).prefault(2).describe('The number of checks in a row that a server must pass to be up again.'),
  fall: whole(1, 1000).prefault(3).describe('The number of checks in a row that a server must fail to be down.'),
  initial: z
    .enum(['up', 'down', 'unknown'])
    .prefault('up')
    .describe("A server's state before its first check. unknown: Limpet starts to listen only after that check."),
}

const HttpCheck = z
  .strictObject({
    type: z
      .literal('http')
      .describe('Sends a request and checks the status of the response and, optionally, its body.'),
    method: z.enum(['GET', 'HEAD', 'OPTIONS']).prefault('GET').describe('The method of the request.'),
    path: matching(requestTarget, 'a path such as /health')
      .prefault('/')
      .describe('The path of the request, with an optional query.'),
    headers: CheckHeaders.prefault({}).describe("The headers of the request. Host defaults to the server's address."),
    status: oneOrMore(StatusRange, 'a status such as 200 or 200-299')
      .prefault('200-399')
      .describe('The statuses that pass: 204, 200-299, 2xx, or a list of these.'),
    body: z
      .exactOptional(z.string().min(1, 'at least one character'))
      .describe('Text that the first 64 KiB of the response body must contain. Default: the body is not read.'),
    protocol: z
      .exactOptional(z.enum(['http1', 'h2', 'h2c', 'auto']))
      .describe("What the request speaks. Default: the upstream's protocol."),
    ...settings,
  })
  .check(({ value: { protocol, tls }, issues }) => {
    const isPlain = protocol === 'h2c'
    if (tls === undefined || (protocol !== 'h2' && !isPlain) || tls !== isPlain) return
    const params = { hint: `write protocol: ${isPlain ? 'h2' : 'h2c'}, or leave out tls` }
    const message = isPlain ? 'false, because h2c is HTTP/2 without TLS' : 'true, because h2 is HTTP/2 by TLS'
    issues.push({ code: 'custom', message, path: ['tls'], input: tls, params })
  })
  .check(({ value: { method, body }, issues }) => {
    if (body === undefined || method !== 'HEAD') return
    const params = { hint: 'write method: GET, or leave out body' }
    issues.push({
      code: 'custom',
      message: 'a method whose response has a body',
      path: ['method'],
      input: method,
      params,
    })
  })

const TcpCheck = z.strictObject({
  type: z.literal('tcp').describe('Opens a TCP connection and, with TLS, makes the handshake.'),
  ...settings,
})

const GrpcCheck = z.strictObject({
  type: z.literal('grpc').describe("Asks the server's gRPC health service (grpc.health.v1). SERVING passes."),
  service: z
    .string()
    .regex(/^[!-~]{0,127}$/, 'the name of a service such as shop.Orders')
    .prefault('')
    .describe('The service that is asked for. Empty: the server as a whole.'),
  headers: CheckHeaders.prefault({}).describe('Metadata of the call.'),
  ...settings,
})

const CheckSettings = z.discriminatedUnion('type', [HttpCheck, TcpCheck, GrpcCheck])

const CheckByName = z.codec(
  matching(/^(?:http|tcp|grpc|\/[!"$-~]*)$/, 'http, tcp, grpc, or a path such as /health'),
  z.custom<z.output<typeof CheckSettings>>(),
  {
    decode: (name) => {
      if (name === 'tcp') return z.decode(TcpCheck, { type: name })
      if (name === 'grpc') return z.decode(GrpcCheck, { type: name })
      return z.decode(HttpCheck, { type: 'http', ...pathOf(name) })
    },
    // The union encodes settings as settings, so zod calls this only for a missing check.
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
      .describe('The number of 5xx responses or failures in a row after which a server is ejected. 0: never.'),
    errorRate: Share.prefault('20%').describe(
      "How far a server's error rate within interval may be above that of the other servers, in percentage points. 0%: not compared.",
    ),
    minRequests: whole(1, 1_000_000)
      .prefault(50)
      .describe('errorRate applies only if the server and the others each have this many responses within interval.'),
    interval: Period.prefault('10s').describe('How often error rates are compared.'),
    ejectFor: Period.prefault('30s').describe(
      'How long a server is ejected the first time; twice as long the second time, and so on.',
    ),
    maxEjectFor: Period.prefault('5m').describe('The longest time for which a server is ejected.'),
    maxEjected: Share.prefault('50%').describe(
      'The largest share of the servers that may be ejected at the same time.',
    ),
  })
  .check(({ value: { ejectFor, maxEjectFor }, issues }) => {
    if (maxEjectFor >= ejectFor) return
    const message = `a duration of at least ejectFor (${formatDuration(ejectFor)})`
    issues.push({ code: 'custom', message, path: ['maxEjectFor'], input: formatDuration(maxEjectFor) })
  })

export const Health = z.strictObject({
  check: z
    .exactOptional(z.union([CheckSettings, CheckByName], 'http, tcp, grpc, a path such as /health, or settings'))
    .describe('Active checks: http, tcp, grpc, a path to request, or settings. Default: none.'),
  outlier: z
    .exactOptional(Outlier)
    .describe('Ejects servers whose responses are bad. {}: with the defaults. Default: none.'),
  panicThreshold: Share.prefault('0%').describe(
    'If less than this share of the servers is healthy, health is ignored and all servers are used. 0%: never.',
  ),
})
