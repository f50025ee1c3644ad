import { z } from 'zod'
import { resolverFields } from './resolver.ts'

/** How the host names of servers are looked up: see docs/host-names.md. */
export const HostNames = z.strictObject(resolverFields)

export type HostNames = z.output<typeof HostNames>
