import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Command } from 'commander'
import { formatOrigin } from '../config/origin.ts'
import { exportNginx, exportNginxFiles, SITE } from '../export/nginx.ts'
import { type ConfigOptions, loadFromOptions, withConfigOptions } from './options.ts'

interface ExportOptions extends ConfigOptions {
  readonly out?: string
}

/** `limpet export`: converts the configuration to that of another program. */
export function exportCommand(): Command {
  return new Command('export')
    .summary('write the configuration for another program')
    .description('Writes the configuration for another program.')
    .addCommand(nginxCommand())
}

function nginxCommand(): Command {
  return withConfigOptions(new Command('nginx'))
    .summary('write the configuration as an nginx.conf')
    .description(
      'Writes the configuration as an nginx.conf. Fails with a list of all settings that nginx cannot express.',
    )
    .option('--out <folder>', `write nginx.conf and ${SITE} into this folder, instead of one file to standard output`)
    .action(toNginx)
}

async function toNginx({ out, ...options }: ExportOptions): Promise<void> {
  const { config, origin } = await loadFromOptions(options)
  const title = `Written by limpet export nginx, from ${formatOrigin(origin)}`
  if (out === undefined) {
    process.stdout.write(exportNginx(config, title))
    return
  }
  const { main, site } = exportNginxFiles(config, title)
  await mkdir(dirname(join(out, SITE)), { recursive: true })
  await writeFile(join(out, 'nginx.conf'), main)
  await writeFile(join(out, SITE), site)
}
