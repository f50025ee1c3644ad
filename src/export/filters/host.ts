import { directive } from '../directive.ts'
import { when } from '../refusal.ts'
import { type FilterExport, isOf, type Of, type Standing } from './filter-export.ts'

type Host = Of<'host'>

export const host: FilterExport<Host> = {
  isOnly: true,
  directives: (standing) => ({
    passing: [directive('proxy_set_header', 'Host', standing.filter.host ?? onlyServer(standing)!)],
  }),
  problems: (standing) =>
    when(
      standing.filter.host === undefined && onlyServer(standing) === undefined,
      standing.path,
      'nginx knows the address of a server only once it has written the Host',
      'name a host, or give the upstream one server',
    ),
}

/** The Host of the only server that requests can go to; undefined if there are several. */
function onlyServer({ route, config, siblings }: Standing<Host>): string | undefined {
  const { servers = [] } = config.upstreams.find(({ name }) => name === route.upstream) ?? {}
  if (servers.length !== 1 || siblings.some((each) => isOf(each, 'split'))) return undefined
  const { address, endpoint } = servers[0]!
  return 'path' in endpoint ? 'localhost' : address
}
