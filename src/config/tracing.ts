import { z } from 'zod'
import { InvalidValue } from './error.ts'
import { percentTo, text } from './field.ts'
import { HeaderFields } from './header-fields.ts'
import { urlWith } from './url.ts'

const parseUrl = urlWith('http:', 'https:')

function parseEndpoint(written: string): string {
  const { username, password, hash } = new URL(parseUrl(written))
  if (username !== '' || password !== '')
    throw new InvalidValue('a URL without a user', 'write an Authorization header in headers instead')
  if (hash !== '') throw new InvalidValue('a URL without a fragment')
  return written
}

/** The export of traces: see docs/tracing.md. */
export const Tracing = z.strictObject({
  endpoint: text(parseEndpoint, 'a URL with http:// or https://').describe(
    'The URL of the collector, which takes OTLP by HTTP. Without a path: /v1/traces there.',
  ),
  headers: z
    .exactOptional(HeaderFields)
    .describe(
      'Headers for the collector, such as a token, best given as a variable of the environment. Default: none.',
    ),
  sample: percentTo(100)
    .prefault('100%')
    .describe(
      'The share of the traces that begin here which is exported. A trace that a client has begun follows the client.',
    ),
  serviceName: z
    .string('a name')
    .min(1, 'a name')
    .max(255, 'a name of at most 255 characters')
    .prefault('limpet')
    .describe('The name of the service in its spans (service.name).'),
  trust: z
    .boolean('true or false')
    .prefault(true)
    .describe(
      'Whether the trace that a client names in traceparent is continued. If not, each request begins a trace.',
    ),
})

export type Tracing = z.output<typeof Tracing>
