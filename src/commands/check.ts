import { Command } from 'commander'
import { instanceOf } from '../config/instance.ts'
import { formatOrigin } from '../config/origin.ts'
import { printConfig } from '../config/print.ts'
import type { Config } from '../config/schema.ts'
import { withStandardRedirect } from '../config/standard-redirect.ts'
import { warningsOf } from '../config/warnings.ts'
import { keepsState } from '../control/sessions/kept-sessions.ts'
import { warningOfAnother } from '../control/state/instance-lock.ts'
import { StateDirectory } from '../control/state/state-directory.ts'
import { remaining } from '../control/tls/expiry.ts'
import { TlsStore } from '../control/tls/tls-store.ts'
import { warningsOfTls } from '../control/tls/tls-warnings.ts'
import { printable } from '../runtime/printable.ts'
import { type ConfigOptions, loadFromOptions, withConfigOptions } from './options.ts'

/** `limpet check`: validates the configuration and prints the effective one as an equivalent file. */
export function checkCommand(): Command {
  return withConfigOptions(new Command('check'))
    .summary('check the configuration and print the effective one')
    .description('Checks the configuration and prints the effective one, including all defaults, as a limpet.yaml.')
    .action(check)
}

async function check(options: ConfigOptions): Promise<void> {
  const { config, origin } = await loadFromOptions(options, { areFilesRead: true })
  const warn = (warning: string) => console.error(`warning: ${warning}`)
  for (const warning of [...warningsOf(config), ...warningsOfCertificates(config)]) warn(warning)
  const { path } = new StateDirectory(config.stateDirectory, process.env, warn)
  const another = keepsState(config) ? await warningOfAnother(instanceOf(config), path) : undefined
  if (another !== undefined) warn(another)
  const source = formatOrigin(origin)
  process.stdout.write(printConfig(withStandardRedirect(config), `Checked: ${source}`, 'hidden'))
  process.stdout.write(`# The configuration is valid: ${printable(source)}\n`)
}

function warningsOfCertificates(config: Config): string[] {
  const material = new TlsStore(() => {}).materialFor(config)
  const now = Date.now()
  return [
    ...material.origins.flatMap((origin) => remaining(origin, now)?.message ?? []),
    ...warningsOfTls(material, now),
  ]
}
