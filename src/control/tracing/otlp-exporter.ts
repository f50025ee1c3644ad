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

/** Sends spans to a collector by OTLP (protobuf over HTTP). */
export class OtlpExporter {
  readonly #exporter: OTLPTraceExporter
  /** What all spans have in common. */
  readonly #origin

  constructor({ endpoint, headers = {}, serviceName }: NonNullable<Config['tracing']>) {
    this.#exporter = new OTLPTraceExporter({ url: urlOf(endpoint), headers, timeoutMillis: EXPORT_WITHIN })
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
      this.#exporter.export(readable, ({ error }) => resolve(error && inWords(error)))
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
