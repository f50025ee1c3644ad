import { endpointOf, formatAddress } from './address.ts'
import { formatPath, type KeyPath } from './key-path.ts'
import { OwnPlaces } from './own-places.ts'
import type { Config } from './schema.ts'
import type { Issue } from './validate.ts'

/** A server that is the proxy itself, and the listener that it is. */
interface Loop extends Issue {
  readonly see: KeyPath
  readonly hint: string
}

/**
 * The servers that are the proxy itself: a request to one of them would go round until something gives. Takes the Config and
 * not the file, since flags and variables replace ports and servers.
 */
export function loops({ listeners, upstreams }: Config): Loop[] {
  const own = new OwnPlaces()
  const listening = listeners.map(endpointOf)
  return upstreams.flatMap(({ name, servers }) =>
    servers.flatMap(({ address, endpoint }, index) => {
      const listener = listening.findIndex((each) => own.lead(endpoint, each))
      if (listener < 0) return []
      const see = ['listeners', listener]
      const place = `${formatPath(see)}, ${formatAddress(listening[listener]!)}`
      return [
        {
          path: ['upstreams', name, 'servers', index],
          message: `expected the address of a server, found ${address}, where the proxy itself listens (${place})`,
          hint: 'its requests would come back to it without end',
          see,
        },
      ]
    }),
  )
}
