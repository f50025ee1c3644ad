import { Command } from 'commander'
import { AdminClient } from './admin-client.ts'
import { type AdminOptions, withAdminOptions, withExamples } from './admin-options.ts'

/** `limpet config`: the configuration of the running Limpet. */
export function configCommand(): Command {
  return new Command('config')
    .summary('print the configuration of the running load balancer')
    .description('Prints the configuration that is in effect in the running load balancer.')
    .addCommand(exportConfigCommand())
}

function exportConfigCommand(): Command {
  const command = new Command('export')
    .summary('print the file that makes run-time changes permanent')
    .description(
      'Prints the configuration that is in effect as a limpet.yaml: what was changed at run time is in it. Secrets are replaced with variables.',
    )
    .action(exportConfig)
  return withExamples(withAdminOptions(command), 'limpet config export > limpet.yaml.new')
}

async function exportConfig({ json, ...options }: AdminOptions): Promise<void> {
  const client = await AdminClient.from(options)
  process.stdout.write(await client.getText('/v1/config', json ? 'application/json' : 'application/yaml'))
}
