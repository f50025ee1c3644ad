import { z } from 'zod'
import { formatAddress } from '../config/address.ts'
import { formatPath } from '../config/key-path.ts'
import { ServerFields } from '../config/server.ts'
import { validate } from '../config/validate.ts'
import type { FoundServer, Mistake } from './provider.ts'

const ListedServer = ServerFields.extend({ state: z.exactOptional(z.enum(['ready', 'drain', 'away', 'down'])) })

/**
 * A server as an entry of a list has it: `10.0.0.1:80`, or a mapping with an `address`, settings of a server and a `state`.
 *
 * @param where the entry is, for messages
 * @param named its name where the list gives names by itself. Default: what the entry says, or else its address.
 */
export function listedServer(entry: unknown, where: string, named?: string): FoundServer | Mistake {
  const fields = typeof entry === 'string' ? { address: entry } : entry
  const outcome = validate(ListedServer, fields)
  if ('issues' in outcome) {
    const { path, message, hint } = outcome.issues[0]!
    return { where: path.length === 0 ? where : `${where}: ${formatPath(path)}`, message, hint }
  }
  const { address, state } = outcome.value
  const {
    id,
    name,
    address: _,
    state: __,
    ...settings
  } = fields as Record<string, unknown> & { id?: string; name?: string }
  const ownName = name ?? named ?? formatAddress(address)
  return {
    id: id ?? named ?? ownName,
    name: ownName,
    address: formatAddress(address),
    ...(state !== undefined && { state }),
    ...(Object.keys(settings).length > 0 && { settings }),
  }
}
