import type { DnsSource } from '../config/sources/dns.ts'
import type { Provider } from './provider.ts'

export function dnsProvider(_source: DnsSource): Provider {
  throw new Error('from: dns is not there yet')
}
