import type { Contender } from '../contender.ts'
import { haproxyCookie } from './haproxy.ts'
import { limpets } from './limpet.ts'
import { nginxIpHash } from './nginx.ts'

/** All contenders, in the order of the runs and of the report. */
export const contenders: readonly Contender[] = [...limpets, nginxIpHash, haproxyCookie]
