import { Readable } from 'node:stream';

import { errorMessage } from '@skep/kernel';
import { RegistryClient, parseReference } from '@skep/oci';

import { busyboxImage } from './busybox-image.ts';
import { webImage } from './web-image.ts';

/** node images/push.ts <sample|web> <registry/name:tag>...: builds an image and pushes it over plain HTTP. */
const [kind = '', ...references] = process.argv.slice(2);
const image = kind === 'web' ? webImage() : busyboxImage();

try {
  for (const text of references) {
    const reference = parseReference(text);
    if (!reference.ok) {
      throw reference.error;
    }
    const client = new RegistryClient(reference.value, { insecureRegistries: [reference.value.domain] });
    for (const [digest, bytes] of image.blobs) {
      if (digest !== image.manifestDigest && !(await client.hasBlob(digest))) {
        await client.pushBlob({ digest, size: bytes.length, open: () => Readable.from([bytes]) });
      }
    }
    const manifest = image.blobs.get(image.manifestDigest) ?? Buffer.alloc(0);
    await client.putManifest(reference.value.tag ?? 'latest', manifest, image.manifestMediaType);
    await client.close();
  }
} catch (error) {
  console.error(`push: ${errorMessage(error)}`);
  process.exitCode = 1;
}
