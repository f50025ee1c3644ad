import type { Status } from '../admin/answers.ts'
import { formatAddress } from '../config/address.ts'

/** A listener of a running Limpet as messages show it: `127.0.0.1:80`, `0.0.0.0:443 (https)`, `unix:/run/app.sock`. */
export function formatListener({ address, port, tls }: Status['listeners'][number]): string {
  return (port === null ? address : formatAddress({ host: address, port })) + (tls ? ' (https)' : '')
}
