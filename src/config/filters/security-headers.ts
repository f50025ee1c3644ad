import { z } from 'zod'

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
