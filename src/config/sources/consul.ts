import { z } from 'zod'
import { everySource } from './every-source.ts'

/** A service in Consul, as far as its checks pass. */
export const ConsulSource = z.strictObject({
  from: z.literal('consul'),
  service: z.string('the name of a service').describe('The name of the service.'),
  ...everySource,
})

export type ConsulSource = z.output<typeof ConsulSource>
