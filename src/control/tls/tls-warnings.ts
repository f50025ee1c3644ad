import { hostsInWords, type TlsMaterial } from './tls-material.ts'

/** What is wrong with files that can be used all the same, except for the end of certificates: the consequence and the fix. */
export function warningsOfTls({ origins, publicTicketKey }: TlsMaterial, now = Date.now()): string[] {
  const ofCertificates = origins.flatMap(({ certificate, facts, isKeyPublic, shownTo }) => {
    const { hosts, notBefore, isSelfSigned, hasIssuer, issuer } = facts
    const isOfClients = shownTo === 'clients'
    const name = `certificate of ${hostsInWords(certificate)} (${certificate.name})`
    const warnings = [
      notBefore > now &&
        `is not valid yet: it begins at ${new Date(notBefore).toISOString()}, and is refused until then`,
      isOfClients &&
        !isSelfSigned &&
        !hasIssuer &&
        `comes without that of its issuer, ${issuer}: clients that do not know it refuse it; append it to the file`,
      isOfClients && hosts.length === 0 && 'covers no host: clients refuse it',
      isKeyPublic && 'has a key that every user of this machine can read: protect its file with chmod 600',
    ]
    return warnings.flatMap((warning) => (warning === false ? [] : `${name} ${warning}`))
  })
  if (publicTicketKey === undefined) return ofCertificates
  return [
    ...ofCertificates,
    `${publicTicketKey}, the key of session tickets, can be read by every user of this machine: protect it with chmod 600`,
  ]
}
