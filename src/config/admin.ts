import { z } from 'zod'
import { InvalidValue } from './error.ts'
import { text, whole } from './field.ts'

/** The admin API has no authentication, so only programs on this machine may reach it. */
function parseLoopback(address: string): string {
  if (/^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/.test(address)) return address
  throw new InvalidValue('a loopback address', 'write 127.0.0.1, because the admin API has no authentication')
}

const AdminSettings = z.strictObject({
  address: text(parseLoopback, 'a loopback address')
    .prefault('127.0.0.1')
    .describe('The loopback address on which it listens.'),
  port: whole(0, 65_535).prefault(9000).describe('The port on which it listens. 0: any free port.'),
})

type AdminSettings = z.output<typeof AdminSettings>

const AdminSwitch = z.codec(z.enum(['on', 'off']), z.custom<AdminSettings | 'off'>(), {
  decode: (switched) => (switched === 'on' ? AdminSettings.parse({}) : 'off'),
  encode: (held) => (held === 'off' ? 'off' : 'on'),
})

/** The admin API: where it listens, or `off`. */
export const Admin = z.union([AdminSettings, AdminSwitch], 'on, off, or a mapping such as { port: 9000 }')
