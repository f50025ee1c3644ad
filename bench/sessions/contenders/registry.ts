import type { Contender } from '../contender.ts'
import { haproxyCookie } from './haproxy.ts'
import { limpets } from './limpet.ts'
import { nginxIpHash } from './nginx.ts'

/** In the order in which they take their turns, and stand in the report. */
export const contenders: readonly Contender[] = [...limpets, nginxIpHash, haproxyCookie]
