package pgserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user that the server runs as, where that isn't ourselves.
type account struct {
	name     string
	uid, gid uint32
}

// serverAccount returns nil unless we are root, whom PostgreSQL refuses.
func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nil is the account "ourselves"
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s has the id %q: %w", name, u.Uid, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s has the group %q: %w", name, u.Gid, err)
		}
		return &account{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as: " +
		"run as another user, or add one (useradd --system postgres)")
}

// canEnter reports, as an error that names the directory in the way, whether the account can reach dir.
func (a *account) canEnter(dir string) error {
	if a == nil {
		return nil
	}
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return fmt.Errorf("reach %s: %w", dir, err)
		}
		if !a.may(info, 0o1) {
			return fmt.Errorf("PostgreSQL runs as user %s, who can't pass %s (%s) to reach %s: "+
				"choose a directory elsewhere, or let others pass (chmod o+x %s)", a.name, at, info.Mode(), dir, at)
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

// may tells whether the account has a permission (4 read, 2 write, 1 execute or pass) by owner, group or others.
func (a *account) may(info fs.FileInfo, permission fs.FileMode) bool {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		switch {
		case stat.Uid == a.uid:
			permission <<= 6
		case stat.Gid == a.gid:
			permission <<= 3
		}
	}
	return info.Mode().Perm()&permission != 0
}

// own gives the directory and what is in it to the account, unless it has it already.
func (a *account) own(dir string) error {
	if a == nil {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == a.uid {
		return nil
	}
	root, err := os.OpenRoot(dir) // what is in it may be somebody's who would have us follow a link out of it
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(path, int(a.uid), int(a.gid))
	})
}
