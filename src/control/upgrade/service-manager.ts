import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Warn } from '../../observability/log.ts'

/** How long systemd may take to hear something, in ms. */
const PATIENCE = 5000

/**
 * Tells systemd how the service is (sd_notify(3)), if it wants to know. Node.js has no Unix datagrams, so systemd's own
 * program sends them; the unit needs `NotifyAccess=all` for that.
 *
 * @param variables such as `READY=1`
 * @param warn takes the reason, if systemd could not be told
 */
export async function notify(variables: readonly string[], warn: Warn): Promise<void> {
  if (!process.env.NOTIFY_SOCKET) return
  const refused = (cause: string) =>
    warn(`systemd could not be told ${variables.join(' ')}: ${cause}`, { event: 'systemd-not-told', cause })
  const child = spawn('systemd-notify', variables, { stdio: 'ignore', timeout: PATIENCE })
  try {
    const [code] = await once(child, 'exit')
    if (code !== 0) refused(`systemd-notify ended with code ${code}`)
  } catch (error) {
    refused((error as Error).message)
  }
}
