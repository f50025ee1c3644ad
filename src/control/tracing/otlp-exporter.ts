import { hostname } from 'node:os'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions'
import { ATTR_HOST_NAME, ATTR_PROCESS_PID } from '@opentelemetry/semantic-conventions/incubating'
import type { Config } from '../../config/schema.ts'
import type { SpanRecord } from '../../observability/span-record.ts'
import { version } from '../../version.ts'
import { readableSpan } from './readable-span.ts'

/** How long one batch may take, in ms. Until then it is sent again after growing pauses where that may help. */
const EXPORT_WITHIN = 10_000
/** How much longer the exporter may take to give up by itself, in ms. */
const LAST_ATTEMPT = 500

/** Sends spans to a collector by OTLP (protobuf over HTTP). */
export class OtlpExporter {
  readonly #exporter: OTLPTraceExporter
  readonly #within: number
  /** What all spans have in common. */
  readonly #origin

  /** @param within how long one batch may take, in ms */
  constructor({ endpoint, headers = {}, serviceName }: NonNullable<Config['tracing']>, within = EXPORT_WITHIN) {
    this.#exporter = new OTLPTraceExporter({ url: urlOf(endpoint), headers, timeoutMillis: within })
    this.#within = within
    this.#origin = {
      resource: defaultResource().merge(
        resourceFromAttributes({
          [ATTR_SERVICE_NAME]: serviceName,
          [ATTR_SERVICE_VERSION]: version,
          [ATTR_HOST_NAME]: hostname(),
          [ATTR_PROCESS_PID]: process.pid,
        }),
      ),
      instrumentationScope: { name: 'limpet', version },
    }
  }

  /** Resolves to the error, or to undefined once the collector has taken the spans. */
  export(spans: readonly SpanRecord[]): Promise<Error | undefined> {
    const readable = spans.map((span) => readableSpan(span, this.#origin))
    return new Promise((resolve) => {
      // The exporter itself waits for as long as bytes of an answer come, however slowly.
      const late = new Error(`the collector has not answered within ${this.#within / 1000} s`)
      const timer = setTimeout(() => resolve(late), this.#within + LAST_ATTEMPT)
      this.#exporter.export(readable, ({ error }) => {
        clearTimeout(timer)
        resolve(error && inWords(error))
      })
    })
  }
}

/** Where traces are posted: by the specification of OTLP, a base URL has none of the paths of signals. */
function urlOf(endpoint: string): string {
  const url = new URL(endpoint)
  if (url.pathname === '/') url.pathname = '/v1/traces'
  return url.href
}

function inWords(error: Error & { readonly code?: unknown }): Error {
  if (error.name !== 'OTLPExporterError') return error
  // The exporter does not say which status made it try again.
  const status = error.code === undefined ? '429, 502, 503 or 504' : `${error.code} ${error.message}`
  return new Error(`the collector answers ${status}`)
}
