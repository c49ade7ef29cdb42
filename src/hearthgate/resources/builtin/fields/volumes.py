"""The volumes of a Pod. Those of clouds and of storage systems of the past are left open."""

from typing import Final

TABLE: Final = """
Volume: A volume of a Pod.
  1 name string!: Its name; unique in the Pod.
  2 - VolumeSource inline

VolumeSource: Where a volume comes from: one of many.
  1 hostPath HostPathVolumeSource?: A path of the Node.
  2 emptyDir EmptyDirVolumeSource?: A directory that lives as long as the Pod.
  3 gcePersistentDisk open: A disk of a cloud.
  4 awsElasticBlockStore open: A disk of a cloud.
  5 gitRepo open: No longer used.
  6 secret SecretVolumeSource?: A Secret.
  7 nfs NFSVolumeSource?: A directory of an NFS server.
  8 iscsi ISCSIVolumeSource?: A disk of an iSCSI server.
  9 glusterfs open: No longer used.
  10 persistentVolumeClaim PersistentVolumeClaimVolumeSource?: A PersistentVolumeClaim.
  11 rbd open: No longer used.
  12 flexVolume open: A volume by a plugin on the Node.
  13 cinder open: A disk of a cloud.
  14 cephfs open: No longer used.
  15 flocker open: No longer used.
  16 downwardAPI DownwardAPIVolumeSource?: Facts about the Pod as files.
  17 fc open: A disk by Fibre Channel.
  18 azureFile open: A share of a cloud.
  19 configMap ConfigMapVolumeSource?: A ConfigMap.
  20 vsphereVolume open: A disk of a cloud.
  21 quobyte open: No longer used.
  22 azureDisk open: A disk of a cloud.
  23 photonPersistentDisk open: No longer used.
  26 projected ProjectedVolumeSource?: Several sources in one directory.
  24 portworxVolume open: A disk of a storage system.
  25 scaleIO open: No longer used.
  27 storageos open: No longer used.
  28 csi CSIVolumeSource?: A volume by a CSI driver.
  29 ephemeral open: A claim that lives as long as the Pod.
  30 image ImageVolumeSource?: An image as a directory.

HostPathVolumeSource: A path of the Node.
  1 path string!: The path.
  2 type string?: What must be there, such as Directory or FileOrCreate.

EmptyDirVolumeSource: A directory that lives as long as the Pod.
  1 medium string: Memory, or left out for the disk.
  2 sizeLimit Quantity?: How large it may grow.

SecretVolumeSource: A Secret as files.
  1 secretName string: The Secret.
  2 items []KeyToPath: Which keys become which files; all when empty.
  3 defaultMode int32?: The mode of the files.
  4 optional bool?: Whether the Secret may be missing.

NFSVolumeSource: A directory of an NFS server.
  1 server string!: The server.
  2 path string!: The directory.
  3 readOnly bool: Whether it is read-only.

ISCSIVolumeSource: A disk of an iSCSI server.
  1 targetPortal string!: The server.
  2 iqn string!: The name of the target.
  3 lun int32!: The number of the unit.
  4 iscsiInterface string: The interface of the initiator.
  5 fsType string: The file system.
  6 readOnly bool: Whether it is read-only.
  7 portals []string: Further servers.
  8 chapAuthDiscovery bool: Whether discovery uses CHAP.
  11 chapAuthSession bool: Whether sessions use CHAP.
  10 secretRef LocalObjectReference?: The Secret for CHAP.
  12 initiatorName string?: The name of the initiator.

PersistentVolumeClaimVolumeSource: A PersistentVolumeClaim.
  1 claimName string!: Its name.
  2 readOnly bool: Whether it is read-only.

DownwardAPIVolumeSource: Facts about the Pod as files.
  1 items []DownwardAPIVolumeFile: The files.
  2 defaultMode int32?: The mode of the files.

DownwardAPIVolumeFile: A fact about the Pod as a file.
  1 path string!: The file.
  2 fieldRef ObjectFieldSelector?: A field of the Pod.
  3 resourceFieldRef ResourceFieldSelector?: A resource of a container.
  4 mode int32?: The mode of the file.

ConfigMapVolumeSource: A ConfigMap as files.
  1 - LocalObjectReference inline
  2 items []KeyToPath: Which keys become which files; all when empty.
  3 defaultMode int32?: The mode of the files.
  4 optional bool?: Whether the ConfigMap may be missing.

ProjectedVolumeSource: Several sources in one directory.
  1 sources []VolumeProjection: The sources.
  2 defaultMode int32?: The mode of the files.

VolumeProjection: One source: one of five.
  1 secret SecretProjection?: A Secret.
  2 downwardAPI DownwardAPIProjection?: Facts about the Pod.
  3 configMap ConfigMapProjection?: A ConfigMap.
  4 serviceAccountToken ServiceAccountTokenProjection?: A token of the Pod's account.
  5 clusterTrustBundle ClusterTrustBundleProjection?: Certificates to trust.

SecretProjection: A Secret among other sources.
  1 - LocalObjectReference inline
  2 items []KeyToPath: Which keys become which files; all when empty.
  4 optional bool?: Whether the Secret may be missing.

DownwardAPIProjection: Facts about the Pod among other sources.
  1 items []DownwardAPIVolumeFile: The files.

ConfigMapProjection: A ConfigMap among other sources.
  1 - LocalObjectReference inline
  2 items []KeyToPath: Which keys become which files; all when empty.
  4 optional bool?: Whether the ConfigMap may be missing.

ServiceAccountTokenProjection: A token of the Pod's account.
  1 audience string: For whom it is meant.
  2 expirationSeconds int64?: How long it is valid.
  3 path string!: The file.

ClusterTrustBundleProjection: Certificates to trust.
  1 name string?: One bundle by name.
  2 signerName string?: All bundles of a signer.
  3 labelSelector LabelSelector?: Bundles by labels.
  5 optional bool?: Whether there may be none.
  4 path string!: The file.

KeyToPath: Which key becomes which file.
  1 key string!: The key.
  2 path string!: The file.
  3 mode int32?: The mode of the file.

CSIVolumeSource: A volume by a CSI driver.
  1 driver string!: The driver.
  2 readOnly bool?: Whether it is read-only.
  3 fsType string?: The file system.
  4 volumeAttributes {}string: Settings for the driver.
  5 nodePublishSecretRef LocalObjectReference?: The Secret for the driver.

ImageVolumeSource: An image as a directory.
  1 reference string: The image.
  2 pullPolicy string: Always, IfNotPresent or Never.
"""
