import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader'
import type { Pem } from './certificates.ts'

const definitions = loadSync('opentelemetry/proto/collector/trace/v1/trace_service.proto', {
  includeDirs: [fileURLToPath(new URL('../fixtures/opentelemetry-proto', import.meta.url))],
  longs: String,
  enums: String,
})
const service = definitions['opentelemetry.proto.collector.trace.v1.TraceService'] as ServiceDefinition
const { requestDeserialize, requestSerialize, responseSerialize } = service.Export!

/** A span as a collector gets it. Ids are hexadecimal digits, times in ns since 1970. */
export interface CollectedSpan {
  readonly name: string
  readonly kind: string
  readonly traceId: string
  readonly spanId: string
  /** Empty for the root of a trace. */
  readonly parentSpanId: string
  readonly traceState: string
  readonly flags: number
  readonly start: bigint
  readonly end: bigint
  readonly status: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, unknown>>
  readonly scope: string
}

/** What comes of a request: it is taken, refused with a status, or not answered. */
type Behaviour = 'take' | 'hold' | number

/** A stand-in for an OpenTelemetry collector: takes OTLP by HTTP, and reads it by the official definitions. */
export class Collector {
  readonly spans: CollectedSpan[] = []
  /** The heads of all requests so far. */
  readonly requests: IncomingMessage[] = []
  behaviour: Behaviour = 'take'
  readonly #server: Server
  readonly #news = new EventEmitter().setMaxListeners(0)
  readonly #held: (() => void)[] = []

  readonly #scheme: string

  private constructor(pem: Pem | undefined) {
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response)
    this.#server = pem === undefined ? createServer(answer) : createSecureServer(pem, answer)
    this.#scheme = pem === undefined ? 'http' : 'https'
  }

  /**
   * @param port any free port, if it is 0
   * @param pem its certificate and key, if it is to speak TLS
   */
  static async start(test: Pick<TestContext, 'after'>, port = 0, pem?: Pem): Promise<Collector> {
    const collector = new Collector(pem)
    collector.#server.listen(port, '127.0.0.1')
    await once(collector.#server, 'listening')
    test.after(() => collector.stop())
    return collector
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`
  }

  /** Takes what is held, and everything from now on. */
  release(): void {
    this.behaviour = 'take'
    for (const answer of this.#held.splice(0)) answer()
  }

  /** Resolves to the spans of one trace, the exchange's first, once there are that many. */
  async traceOf(traceId: string, count: number): Promise<readonly CollectedSpan[]> {
    for (;;) {
      const spans = this.spans.filter((span) => span.traceId === traceId)
      const isServer = ({ kind }: CollectedSpan) => Number(kind === 'SPAN_KIND_SERVER')
      if (spans.length >= count) return spans.toSorted((one, other) => isServer(other) - isServer(one))
      await once(this.#news, 'spans')
    }
  }

  /** Resolves to all spans once there are that many. */
  async collected(count: number): Promise<readonly CollectedSpan[]> {
    while (this.spans.length < count) await once(this.#news, 'spans')
    return this.spans
  }

  /** Resolves once that many requests have come. */
  async asked(count: number): Promise<void> {
    while (this.requests.length < count) await once(this.#news, 'request')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request)
    this.requests.push(request)
    this.#news.emit('request')
    if (typeof this.behaviour === 'number') return void response.writeHead(this.behaviour).end()
    if (this.behaviour === 'hold') await new Promise<void>((resolve) => this.#held.push(resolve))
    const fault = faultOf(request)
    if (fault !== undefined) return void response.writeHead(400).end(fault)
    this.spans.push(...spansIn(body))
    this.#news.emit('spans')
    response.setHeader('Content-Type', 'application/x-protobuf').end(responseSerialize({}))
  }
}

/** What is wrong with a request by the specification of OTLP by HTTP. */
function faultOf({ method, url, headers }: IncomingMessage): string | undefined {
  if (method !== 'POST' || url !== '/v1/traces') return 'not where traces are posted'
  return headers['content-type'] === 'application/x-protobuf' ? undefined : 'not protobuf'
}

interface KeyValue {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface SentSpan {
  readonly traceId: Buffer
  readonly spanId: Buffer
  readonly parentSpanId?: Buffer
  readonly name: string
  readonly kind: string
  readonly traceState?: string
  readonly flags: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly KeyValue[]
  readonly status?: { readonly code?: string }
}

interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] }
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string; readonly version: string }
      readonly spans: readonly SentSpan[]
    }[]
  }[]
}

/** @throws Error if the message has anything that the definitions do not */
function spansIn(body: Buffer): CollectedSpan[] {
  const request = requestDeserialize(body) as ExportRequest
  const again = requestSerialize(request)
  if (again.length !== body.length) throw new Error(`${body.length} bytes of OTLP, of which ${again.length} are known`)
  return request.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        name: span.name,
        kind: span.kind,
        traceId: span.traceId.toString('hex'),
        spanId: span.spanId.toString('hex'),
        parentSpanId: span.parentSpanId?.toString('hex') ?? '',
        traceState: span.traceState ?? '',
        flags: span.flags,
        start: BigInt(span.startTimeUnixNano),
        end: BigInt(span.endTimeUnixNano),
        status: span.status?.code ?? 'STATUS_CODE_UNSET',
        attributes: record(span.attributes),
        resource: record(resource.attributes),
        scope: `${scope.name} ${scope.version}`,
      })),
    ),
  )
}

function record(attributes: readonly KeyValue[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, 'intValue' in value ? Number(value.intValue) : Object.values(value)[0]]),
  )
}
