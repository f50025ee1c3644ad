import { z } from 'zod'
import type { HeaderTemplate } from '../../runtime/filter-settings.ts'

export const SecurityHeadersFilter = z
  .strictObject({
    frames: z
      .enum(['none', 'same-origin', 'any'])
      .prefault('same-origin')
      .describe('Which pages may show these in a frame (X-Frame-Options).'),
    referrer: z
      .enum(['no-referrer', 'same-origin', 'strict-origin', 'strict-origin-when-cross-origin'])
      .prefault('strict-origin-when-cross-origin')
      .describe('What other sites learn of the address that a link is on (Referrer-Policy).'),
    contentSecurityPolicy: z
      .exactOptional(z.string().regex(/^[ -~]+$/, 'visible ASCII characters'))
      .describe('The Content-Security-Policy. Default: none.'),
    permissionsPolicy: z
      .exactOptional(z.string().regex(/^[ -~]+$/, 'visible ASCII characters'))
      .describe('The Permissions-Policy. Default: none.'),
  })
  .describe(
    'Sets headers that make browsers more careful, where the server sends none of its own. Strict-Transport-Security is a setting of listeners.',
  )

const frameOptions = { none: 'DENY', 'same-origin': 'SAMEORIGIN', any: undefined } as const

/** The headers that the filter securityHeaders sends, where a server sends none of its own. */
export function securityHeaders(filter: z.output<typeof SecurityHeadersFilter>): HeaderTemplate[] {
  const headers: Readonly<Record<string, string | undefined>> = {
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': frameOptions[filter.frames],
    'Referrer-Policy': filter.referrer,
    'Content-Security-Policy': filter.contentSecurityPolicy,
    'Permissions-Policy': filter.permissionsPolicy,
  }
  return Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value: [value] }]))
}
