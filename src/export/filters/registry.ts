import type { Filter } from '../../config/filter.ts'
import { refusal, when } from '../refusal.ts'
import { addresses } from './addresses.ts'
import { answers } from './answers.ts'
import { basicAuth } from './basic-auth.ts'
import { bufferRequest } from './buffer-request.ts'
import { bufferResponse } from './buffer-response.ts'
import { compress } from './compress.ts'
import { cors } from './cors.ts'
import { errorPages } from './error-pages.ts'
import type { FilterExport, Of } from './filter-export.ts'
import { forwardAuth } from './forward-auth.ts'
import { headers } from './headers.ts'
import { host } from './host.ts'
import { concurrencyLimit, rateLimit } from './limits.ts'
import { log } from './log.ts'
import { mirror } from './mirror.ts'
import { path } from './path.ts'
import { redirect } from './redirect.ts'
import { respond } from './respond.ts'
import { securityHeaders } from './security-headers.ts'
import { split } from './split.ts'
import { tryNext } from './try-next.ts'

const jwt: FilterExport<Of<'jwt'>> = {
  directives: () => ({}),
  problems: ({ path }) => [
    refusal(path, 'only nginx Plus verifies tokens', 'leave it out, or let a service do it that forwardAuth asks'),
  ],
}

const maintenancePage: FilterExport<Of<'maintenancePage'>> = {
  directives: () => ({}),
  problems: ({ filter, path }) =>
    when(filter.when !== 'never', path, 'the export closes no routes', 'write when: never, or leave it out'),
}

const exports: { readonly [Type in Filter['type']]: FilterExport<Of<Type>> } = {
  allow: addresses as FilterExport<Of<'allow'>>,
  answers,
  basicAuth,
  bufferRequest,
  bufferResponse,
  compress,
  concurrencyLimit,
  cors,
  deny: addresses as FilterExport<Of<'deny'>>,
  errorPages,
  forwardAuth,
  headers,
  host,
  jwt,
  log,
  maintenancePage,
  mirror,
  path,
  rateLimit,
  redirect,
  respond,
  securityHeaders,
  split,
  tryNext,
}

/** How filters of a type become directives. */
export function exportOf({ type }: Filter): FilterExport {
  return exports[type] as unknown as FilterExport
}
