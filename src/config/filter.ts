import { z } from 'zod'
import { asMapping } from './as-written.ts'
import { written } from './field.ts'
import { AllowFilter, DenyFilter } from './filters/address-rules.ts'
import { AnswersFilter } from './filters/answers.ts'
import { BasicAuthFilter } from './filters/basic-auth.ts'
import { BufferRequestFilter } from './filters/buffer-request.ts'
import { BufferResponseFilter } from './filters/buffer-response.ts'
import { CompressFilter } from './filters/compress.ts'
import { ConcurrencyLimitFilter } from './filters/concurrency-limit.ts'
import { CorsFilter } from './filters/cors.ts'
import { ErrorPagesFilter } from './filters/error-pages.ts'
import { ForwardAuthFilter } from './filters/forward-auth.ts'
import { HeadersFilter } from './filters/headers.ts'
import { HostFilter } from './filters/host.ts'
import { JwtFilter } from './filters/jwt.ts'
import { LogFilter } from './filters/log.ts'
import { MaintenancePageFilter } from './filters/maintenance-page.ts'
import { MirrorFilter } from './filters/mirror.ts'
import { PathFilter } from './filters/path.ts'
import { RateLimitFilter } from './filters/rate-limit.ts'
import { RedirectFilter } from './filters/redirect.ts'
import { RespondFilter } from './filters/respond.ts'
import { SecurityHeadersFilter } from './filters/security-headers.ts'
import { SplitFilter } from './filters/split.ts'
import { TryNextFilter } from './filters/try-next.ts'

/** All filters, by their names. To add a filter, add an entry here, one in FilterSettings and one in filters/registry.ts. */
const kinds = {
  allow: AllowFilter,
  answers: AnswersFilter,
  basicAuth: BasicAuthFilter,
  bufferRequest: BufferRequestFilter,
  bufferResponse: BufferResponseFilter,
  compress: CompressFilter,
  concurrencyLimit: ConcurrencyLimitFilter,
  cors: CorsFilter,
  deny: DenyFilter,
  errorPages: ErrorPagesFilter,
  forwardAuth: ForwardAuthFilter,
  headers: HeadersFilter,
  host: HostFilter,
  jwt: JwtFilter,
  log: LogFilter,
  maintenancePage: MaintenancePageFilter,
  mirror: MirrorFilter,
  path: PathFilter,
  rateLimit: RateLimitFilter,
  redirect: RedirectFilter,
  respond: RespondFilter,
  securityHeaders: SecurityHeadersFilter,
  split: SplitFilter,
  tryNext: TryNextFilter,
} as const

export const filterNames: readonly string[] = Object.keys(kinds)

type Kinds = typeof kinds

/** A filter as the program holds it: its settings, and its name as their type. */
export type Filter = { [Name in keyof Kinds]: { type: Name } & z.output<Kinds[Name]> }[keyof Kinds]

type Optional = { [Name in keyof Kinds]: z.ZodOptional<Kinds[Name]> }

/** One key, the name of the filter, with its settings. With exactOptional, zod would encode the filters that are absent, too. */
const Entry = z
  .strictObject(Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, z.optional(kind)])) as Optional)
  .check(({ value, issues }) => {
    if (issues.length > 0 || Object.keys(value).length === 1) return
    const hint = 'write each filter as an entry of its own, since their order counts'
    issues.push({ code: 'custom', message: 'one filter', params: { hint }, input: value })
  })
  .meta({ minProperties: 1, maxProperties: 1 })

type Entry = z.output<typeof Entry>

/** Filters that need no settings: their names may stand alone. */
const alone = [
  'bufferRequest',
  'bufferResponse',
  'compress',
  'maintenancePage',
  'securityHeaders',
  'tryNext',
] as const satisfies readonly Filter['type'][]

const Name = written(
  z.enum(alone),
  (name: (typeof alone)[number]): Entry => ({ [name]: z.decode(kinds[name], {}) }),
  // zod also calls this where nothing is written.
  (entry?: Entry) => Object.keys(entry ?? {})[0] as (typeof alone)[number],
)

/** One entry of `filters`. */
export const Filter = z
  .codec(z.union([Entry, Name], 'a filter, such as { path: { strip: /app } }'), z.custom<Filter>(), {
    decode: (entry) => {
      const [type, settings] = Object.entries(entry)[0]!
      return { type, ...settings } as Filter
    },
    encode: ({ type, ...settings }) => ({ [type]: settings }) as Entry,
  })
  .meta({ id: 'Filter' })

/** Whether no request gets past a filter, as it stands in the file. */
export function answersAll(written: unknown): boolean {
  const { redirect, respond } = asMapping(written)
  return respond !== undefined || (redirect !== undefined && asMapping(redirect).pattern === undefined)
}
