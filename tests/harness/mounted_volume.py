"""A folder as the kubelet mounts ConfigMaps, Secrets and tokens: each file is a link through ..data, which leads to a
folder that is swapped as a whole."""
import os


class MountedVolume:
    """`files` is {name: text}."""

    def __init__(self, folder, files):
        self.folder, self.version = folder, 0
        os.mkdir(folder)
        self.write(files)
        for name in files:
            os.symlink(os.path.join("..data", name), self.path(name))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, files):
        """Replaces all files by one rename."""
        self.version += 1
        version = f"..{self.version}"
        os.mkdir(self.path(version))
        for name, text in files.items():
            with open(self.path(os.path.join(version, name)), "w") as out:
                out.write(text)
        os.symlink(version, self.path("..data_tmp"))
        os.rename(self.path("..data_tmp"), self.path("..data"))
